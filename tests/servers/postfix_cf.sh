# shellcheck shell=bash
# postfix_cf.sh - the main.cf of every Postfix here; bash sources it.

# postfix_main_cf LOGLEVEL CHAIN-FILES: for a server below $dir, called $HOST
postfix_main_cf() {
    cat <<END
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file = $dir/log
maillog_file_prefixes = $dir
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = $HOST
mydestination = example.test
# what is not for mydestination is refused at once
smtpd_relay_restrictions = reject_unauth_destination
# the rest is accepted, logged, thrown away
local_transport = discard
local_recipient_maps =
alias_maps =
alias_database =
# no question to the DNS
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_chain_files = $2
# else it resumes by tickets only
smtpd_tls_session_cache_database = btree:\$data_directory/sessions
smtpd_tls_loglevel = $1
END
}
