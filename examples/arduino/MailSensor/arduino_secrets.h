// Your own values; as they are, nothing works.
#define SECRET_SSID     "" // the Wi-Fi to join
#define SECRET_PASSWORD ""
#define SECRET_HOST     "" // the mail server; port 587, submission
#define SECRET_FROM     "" // addresses: sensor@example.org
#define SECRET_TO       ""
#define SECRET_AUTH     "" // printf '\0USER\0PASSWORD' | base64
