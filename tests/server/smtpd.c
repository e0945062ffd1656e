#include "smtpd.h"

#include <string.h>

#include "dialogue.h"
#include "script.h"

#define RECORD_HEADROOM  128 /* for what a record has around its payload */
#define RECORD_MAX       16384
#define NO_RENEGOTIATION 100
#define USER_CANCELED    90

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---------------------------------------------------------------- output */

/* Nothing of the stream with the fault is sent any more. */
static bool is_silenced(const struct smtpd *s)
{
    return s->tripped && s->options->fault != SMTPD_FLIP;
}

/* The fault happens within these bytes, after the first `left`. Returns how
 * many still go out. */
static size_t trip(struct smtpd *s, unsigned char *bytes, size_t len,
                   size_t left)
{
    s->tripped = true;
    if (s->options->fault == SMTPD_FLIP) {
        bytes[left] ^= 1;
        return len;
    }
    if (s->options->fault == SMTPD_CUT) { s->closing = true; }
    return left;
}

/* Submits bytes about to be sent in a stream to the fault. Returns how many
 * are to be sent indeed. */
static size_t pass(struct smtpd *s, enum smtpd_stream stream,
                   unsigned char *bytes, size_t len)
{
    const struct smtpd_options *o = s->options;
    size_t left = o->fault_at - s->passed;

    if (o->fault == SMTPD_NO_FAULT || o->fault_stream != stream) { return len; }
    if (is_silenced(s)) { return 0; }
    if (s->tripped || len < left || (len == left && o->fault == SMTPD_FLIP)) {
        s->passed += len;
        return len;
    }
    return trip(s, bytes, len, left);
}

static void send_wire(struct smtpd *s, const void *bytes, size_t len)
{
    size_t before = s->wire.len;
    size_t kept;

    bytes_append(&s->wire, bytes, len);
    kept = pass(s, SMTPD_WIRE, s->wire.data + before, len);
    if (s->in_tls) { kept = pass(s, SMTPD_TLS, s->wire.data + before, kept); }
    bytes_truncate(&s->wire, before + kept);
}

static void send_reply_in_clear(struct smtpd *s)
{
    send_wire(s, s->reply.data, s->reply.len);
    bytes_consume(&s->reply, s->reply.len);
}

static bool send_reply_in_tls(struct smtpd *s)
{
    br_ssl_engine_context *engine = &s->tls.eng;
    size_t room;
    unsigned char *buf = br_ssl_engine_sendapp_buf(engine, &room);
    size_t len = smaller(room, s->reply.len);
    size_t kept;

    memcpy(buf, s->reply.data, len);
    bytes_consume(&s->reply, len);
    kept = pass(s, SMTPD_APPLICATION, buf, len);
    if (kept > 0) {
        br_ssl_engine_sendapp_ack(engine, kept);
        br_ssl_engine_flush(engine, 0);
    }
    return true;
}

/* Sends a record of any type behind the engine's back. The engine must have
 * no record of its own pending, as both draw on one sequence number. */
static void send_record(struct smtpd *s, unsigned char type,
                        const struct smtpd_blob *payload)
{
    br_ssl_engine_context *engine = &s->tls.eng;
    unsigned char room[RECORD_HEADROOM + RECORD_MAX + RECORD_HEADROOM];
    size_t len = smaller(payload->len, RECORD_MAX);
    unsigned char *record;

    if (len > 0) { memcpy(room + RECORD_HEADROOM, payload->bytes, len); }
    record = engine->out.vtable->encrypt(&engine->out.vtable, type,
                                         engine->version_out,
                                         room + RECORD_HEADROOM, &len);
    send_wire(s, record, len);
}

static bool take_one(unsigned *left)
{
    if (*left == 0) { return false; }
    if (*left != SMTPD_ENDLESS) { --*left; }
    return true;
}

/* Sends the next piece of a burst. Returns false when there is none. */
static bool continue_burst(struct smtpd *s)
{
    const struct smtpd_options *o = s->options;

    if (s->closing) { return false; }
    if (take_one(&s->raw_left)) {
        send_wire(s, o->raw.bytes.bytes, o->raw.bytes.len);
        return true;
    }
    if (take_one(&s->records_left)) {
        send_record(s, o->records.type, &o->records.bytes);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------- TLS */

static const uint16_t default_suites[] = {
    BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
};

static void set_ec(struct smtpd *s)
{
    const struct smtpd_options *o = s->options;

    br_ssl_engine_set_ec(&s->tls.eng, o->ec);
    if (br_skey_decoder_key_type(o->key) == BR_KEYTYPE_EC) {
        br_ssl_server_set_single_ec(
            &s->tls, o->chain->certificates, o->chain->count,
            br_skey_decoder_get_ec(o->key), BR_KEYTYPE_KEYX | BR_KEYTYPE_SIGN,
            BR_KEYTYPE_EC, o->ec, br_ecdsa_sign_asn1_get_default());
    }
}

static void set_identity(struct smtpd *s)
{
    const struct pem_chain *chain = s->options->chain;
    const br_skey_decoder_context *key = s->options->key;

    if (br_skey_decoder_key_type(key) == BR_KEYTYPE_RSA) {
        br_ssl_server_init_full_rsa(&s->tls, chain->certificates, chain->count,
                                    br_skey_decoder_get_rsa(key));
    } else {
        br_ssl_server_init_full_ec(&s->tls, chain->certificates, chain->count,
                                   BR_KEYTYPE_EC, br_skey_decoder_get_ec(key));
    }
    if (s->options->ec) { set_ec(s); }
}

static void set_versions_and_suites(struct smtpd *s)
{
    const struct smtpd_options *o = s->options;
    br_ssl_engine_context *engine = &s->tls.eng;

    br_ssl_engine_set_versions(engine,
                               o->version_min ? o->version_min : BR_TLS12,
                               o->version_max ? o->version_max : BR_TLS12);
    if (o->suites != NULL) {
        br_ssl_engine_set_suites(engine, o->suites, o->suite_count);
    } else {
        br_ssl_engine_set_suites(engine, default_suites,
                                 sizeof default_suites /
                                     sizeof *default_suites);
    }
}

/* The number of the connection keeps those of one seed apart. */
static void set_entropy(struct smtpd *s)
{
    struct smtpd_sessions *sessions = s->options->sessions;
    br_ssl_engine_context *engine = &s->tls.eng;
    uint32_t connection = sessions ? sessions->connections++ : 0;

    if (s->options->seed.len > 0) {
        engine->rng_os_rand_done = 1; /* or reset would add the OS's */
        br_ssl_engine_inject_entropy(engine, s->options->seed.bytes,
                                     s->options->seed.len);
        br_ssl_engine_inject_entropy(engine, &connection, sizeof connection);
    }
}

/* The public setters derive the record size from the buffers, and tie it to
 * max_fragment_length. At log 9, its minimum, the engine finds nothing in
 * that extension to reduce, and leaves it unanswered. */
static void set_record_size(struct smtpd *s)
{
    if (s->options->record_size > 0) {
        s->tls.eng.max_frag_len = s->options->record_size;
        s->tls.eng.log_max_frag_len = 9;
    }
}

static void start_tls(struct smtpd *s)
{
    const struct smtpd_options *o = s->options;

    s->in_tls = true;
    dialogue_enter_tls(&s->dialogue);
    if (o->chain == NULL) { return; }
    set_identity(s);
    set_versions_and_suites(s);
    br_ssl_engine_set_buffer(&s->tls.eng, s->buffer, sizeof s->buffer, 1);
    set_record_size(s);
    set_entropy(s);
    if (o->sessions != NULL && !o->no_resumption) {
        br_ssl_server_set_cache(&s->tls, &o->sessions->lru.vtable);
    }
    br_ssl_server_reset(&s->tls);
}

/* BearSSL's server takes the refusal of a renegotiation for a fatal error,
 * whereas RFC 5246, 7.2.2 lets the connection go on. So this decrypts in
 * place of the engine's own decrypt, and turns that warning into one of no
 * consequence. */
static unsigned char *soften_refusal(const br_sslrec_in_class **context,
                                     int type, unsigned version, void *payload,
                                     size_t *len)
{
    struct smtpd *s =
        (struct smtpd *)(void *)((unsigned char *)(void *)context -
                                 offsetof(struct smtpd, tls.eng.in.vtable));
    unsigned char *plain = s->decrypt(context, type, version, payload, len);

    if (plain != NULL && type == SMTPD_ALERT && *len == 2 &&
        plain[1] == NO_RENEGOTIATION) {
        s->report.renegotiation_refused = true;
        plain[1] = USER_CANCELED;
    }
    return plain;
}

static bool complete_handshake(struct smtpd *s)
{
    br_ssl_engine_context *engine = &s->tls.eng;

    s->report.established = true;
    /* An abbreviated handshake never asks for the chain. */
    s->report.resumed = engine->chain == NULL;
    s->opener = *engine->in.vtable;
    s->decrypt = s->opener.decrypt;
    s->opener.decrypt = soften_refusal;
    engine->in.vtable = &s->opener;
    s->records_left = s->options->records.count;
    return true;
}

static bool take_records(struct smtpd *s)
{
    size_t len;
    unsigned char *buf = br_ssl_engine_sendrec_buf(&s->tls.eng, &len);

    send_wire(s, buf, len);
    br_ssl_engine_sendrec_ack(&s->tls.eng, len);
    return true;
}

static void talk(struct smtpd *s, unsigned char byte);

static bool take_application_data(struct smtpd *s)
{
    size_t len;
    unsigned char *buf = br_ssl_engine_recvapp_buf(&s->tls.eng, &len);

    for (size_t i = 0; i < len; i++) { talk(s, buf[i]); }
    br_ssl_engine_recvapp_ack(&s->tls.eng, len);
    return true;
}

static bool end_tls(struct smtpd *s)
{
    s->report.tls_error = br_ssl_engine_last_error(&s->tls.eng);
    s->report.close_notify =
        s->report.established && s->report.tls_error == BR_ERR_OK;
    s->closing = true;
    return false;
}

static bool begin_closing(struct smtpd *s)
{
    s->notified = true;
    br_ssl_engine_close(&s->tls.eng);
    return true;
}

/* One step of whatever the engine is ready for. Returns false if it has to
 * wait for the client. */
static bool step_tls(struct smtpd *s)
{
    unsigned state = br_ssl_engine_current_state(&s->tls.eng);
    bool may_send = (state & BR_SSL_SENDAPP) != 0;

    if (state == BR_SSL_CLOSED) { return end_tls(s); }
    if (state & BR_SSL_SENDREC) { return take_records(s); }
    if (may_send && !s->report.established) { return complete_handshake(s); }
    if (state & BR_SSL_RECVAPP) { return take_application_data(s); }
    if (may_send && s->reply.len > 0) { return send_reply_in_tls(s); }
    if (may_send && s->closing && !s->notified && !is_silenced(s) &&
        !s->options->no_close_notify) {
        return begin_closing(s);
    }
    return false;
}

static void pump(struct smtpd *s)
{
    while (step_tls(s)) {}
}

static void input_tls(struct smtpd *s, const unsigned char *bytes, size_t len)
{
    br_ssl_engine_context *engine = &s->tls.eng;
    size_t room;
    unsigned char *buf;

    while (len > 0 && (buf = br_ssl_engine_recvrec_buf(engine, &room))) {
        room = smaller(room, len);
        memcpy(buf, bytes, room);
        br_ssl_engine_recvrec_ack(engine, room);
        bytes += room;
        len -= room;
        pump(s);
    }
}

/* -------------------------------------------------------------- dialogue */

/* After the go-ahead comes what is to be injected, then TLS. */
static void finish_clear_phase(struct smtpd *s)
{
    const struct smtpd_options *o = s->options;

    send_reply_in_clear(s);
    s->go_ahead_left = s->wire.len;
    s->hold_ms = o->inject_delay_ms;
    send_wire(s, o->inject.bytes, o->inject.len);
}

static void act(struct smtpd *s, enum smtpd_action action)
{
    if (!s->in_tls) { send_reply_in_clear(s); }
    if (action == SMTPD_CLOSE) {
        s->closing = true;
    } else if (action == SMTPD_START_TLS && !s->in_tls) {
        finish_clear_phase(s);
        start_tls(s);
        if (s->scripted && s->script.steps_left == 0) {
            s->scripted = false;
        } else if (s->scripted) {
            act(s, script_run(&s->script));
        }
    }
}

/* One byte of plaintext, in clear or out of TLS. */
static void talk(struct smtpd *s, unsigned char byte)
{
    if (s->closing) { return; }
    if (s->options->talk) {
        act(s, s->options->talk(s->options->talker, byte));
    } else if (s->scripted) {
        act(s, script_input(&s->script, byte, &s->report.script_mismatch));
    } else {
        act(s, dialogue_input(&s->dialogue, byte));
    }
}

/* ------------------------------------------------------------------- API */

void smtpd_sessions_init(struct smtpd_sessions *sessions)
{
    memset(sessions, 0, sizeof *sessions);
    br_ssl_session_cache_lru_init(&sessions->lru, sessions->store,
                                  sizeof sessions->store);
}

void smtpd_init(struct smtpd *s, const struct smtpd_options *options)
{
    memset(s, 0, sizeof *s);
    s->options = options;
    s->scripted = options->script != NULL;
    script_init(&s->script, options, &s->reply);
    dialogue_init(&s->dialogue, options, &s->reply, &s->report);
    if (options->direct) { start_tls(s); }
    if (s->scripted) {
        act(s, script_run(&s->script));
    } else if (!options->talk) {
        dialogue_greet(&s->dialogue);
        act(s, SMTPD_CONTINUE);
    }
}

void smtpd_free(struct smtpd *s)
{
    dialogue_free(&s->dialogue);
    script_free(&s->script);
    bytes_free(&s->reply);
    bytes_free(&s->wire);
}

static void begin_raw(struct smtpd *s)
{
    if (!s->raw_begun) {
        s->raw_begun = true;
        s->raw_left = s->options->raw.count;
    }
}

size_t smtpd_input(struct smtpd *s, const void *bytes, size_t len)
{
    const unsigned char *in = bytes;
    size_t used = 0;

    while (!s->in_tls && !s->closing && used < len) { talk(s, in[used++]); }
    if (!s->in_tls || used == len) { return used; }
    if (s->go_ahead_left > 0) { s->report.pipelined += len - used; }
    if (s->options->raw.count > 0) {
        begin_raw(s);
    } else if (s->options->chain != NULL) {
        input_tls(s, in + used, len - used);
    }
    return len;
}

size_t smtpd_output(struct smtpd *s, void *buf, size_t cap)
{
    size_t len;

    while (s->wire.len < cap && continue_burst(s)) {}
    len = smaller(s->hold_ms > 0 ? s->go_ahead_left : s->wire.len, cap);
    if (len > 0) { memcpy(buf, s->wire.data, len); }
    bytes_consume(&s->wire, len);
    s->go_ahead_left -= smaller(len, s->go_ahead_left);
    return len;
}

void smtpd_reply(struct smtpd *s, const void *bytes, size_t len)
{
    bytes_append(&s->reply, bytes, len);
}

void smtpd_push(struct smtpd *s)
{
    if (!s->in_tls) {
        send_reply_in_clear(s);
    } else if (s->options->chain != NULL) {
        pump(s);
    }
}

void smtpd_close(struct smtpd *s)
{
    smtpd_push(s);
    s->closing = true;
    smtpd_push(s);
}

void smtpd_eof(struct smtpd *s)
{
    s->closing = true;
}

bool smtpd_closed(const struct smtpd *s)
{
    bool stalled = is_silenced(s) && s->options->fault == SMTPD_STALL;

    return s->closing && s->wire.len == 0 && !stalled;
}

void smtpd_elapse(struct smtpd *s, unsigned ms)
{
    s->hold_ms -= (unsigned)smaller(ms, s->hold_ms);
}

unsigned smtpd_due(const struct smtpd *s)
{
    return s->hold_ms;
}
