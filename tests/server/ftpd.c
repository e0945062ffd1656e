#include "ftpd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ----------------------------------------------------------------- files */

struct ftpd_file *ftpd_find(struct ftpd_store *store, const char *name)
{
    for (size_t i = 0; i < FTPD_FILES; i++) {
        if (*name && strcmp(store->files[i].name, name) == 0) {
            return &store->files[i];
        }
    }
    return NULL;
}

struct ftpd_file *ftpd_make(struct ftpd_store *store, const char *name)
{
    struct ftpd_file *file = ftpd_find(store, name);

    for (size_t i = 0; i < FTPD_FILES && file == NULL; i++) {
        if (!store->files[i].name[0]) {
            file = &store->files[i];
            snprintf(file->name, sizeof file->name, "%s", name);
        }
    }
    return file;
}

void ftpd_store_free(struct ftpd_store *store)
{
    for (size_t i = 0; i < FTPD_FILES; i++) {
        bytes_free(&store->files[i].content);
        store->files[i].name[0] = '\0';
    }
}

static struct ftpd_file *look_up(struct ftpd *f, const char *name)
{
    const struct ftpd_options *o = f->options;

    if (o->load) { o->load(o->context, o->store, name); }
    return ftpd_find(o->store, name);
}

static void changed(struct ftpd *f)
{
    if (f->options->save) { f->options->save(f->options->context, f->file); }
}

/* --------------------------------------------------------------- replies */

static const char *instead(const struct ftpd *f, const char *to, size_t n)
{
    const struct ftpd_answer *a = f->options->answers;

    while (a && a->to && (strlen(a->to) != n || strncasecmp(a->to, to, n))) {
        a++;
    }
    return a && a->to ? a->say : NULL;
}

static void say_text(struct ftpd *f, const char *text)
{
    char number[16];

    for (; *text; text++) {
        if (*text == '#') {
            snprintf(number, sizeof number, "%u", f->port);
        } else if (*text == '@') {
            snprintf(number, sizeof number, "%u,%u", f->port >> 8,
                     f->port & 255);
        } else {
            snprintf(number, sizeof number, "%c", *text);
        }
        smtpd_reply(f->control, number, strlen(number));
    }
}

/* A reply, or what is said instead of its code. */
static enum smtpd_action say(struct ftpd *f, const char *reply)
{
    const char *other = instead(f, reply, 3);

    if (other) {
        say_text(f, other);
        return strncmp(other, "421", 3) == 0 ? SMTPD_CLOSE : SMTPD_CONTINUE;
    }
    say_text(f, reply);
    say_text(f, "\r\n");
    return SMTPD_CONTINUE;
}

/* Outside of a command. */
static void tell(struct ftpd *f, const char *reply)
{
    if (say(f, reply) == SMTPD_CLOSE) {
        smtpd_close(f->control);
    } else {
        smtpd_push(f->control);
    }
}

/* -------------------------------------------------------------- commands */

static enum smtpd_action log_in(struct ftpd *f, bool user, const char *arg)
{
    const struct smtpd_options *o = &f->options->control;

    if (user) {
        f->user_matched = !o->user || strcmp(o->user, arg) == 0;
        f->logged_in = false;
        return say(f, "331 password, please");
    }
    f->logged_in =
        f->user_matched && (!o->user || strcmp(o->password, arg) == 0);
    return say(f, f->logged_in ? "230 welcome" : "530 wrong");
}

static void await_data(struct ftpd *f)
{
    f->port = f->next_port++;
    f->data_came = false;
    f->data_done = false;
    f->data_closed = false;
    f->counted = false;
}

static enum smtpd_action listen_for_data(struct ftpd *f, bool extended)
{
    await_data(f);
    return say(f, extended ? "229 here (|||#|)" : "227 here (10,9,8,7,@)");
}

static void list(struct ftpd *f, bool names)
{
    char line[400];

    (void)look_up(f, "");
    for (size_t i = 0; i < FTPD_FILES; i++) {
        const struct ftpd_file *file = &f->options->store->files[i];
        if (!file->name[0]) { continue; }
        if (names) {
            snprintf(line, sizeof line, "%s\r\n", file->name);
        } else {
            snprintf(line, sizeof line,
                     "-rw-r--r-- 1 ftp ftp %12zu Jan  1 00:00 %s\r\n",
                     file->content.len, file->name);
        }
        bytes_append(&f->listing, line, strlen(line));
    }
}

/* Is 150 replaced by a refusal, or followed by one? */
static bool refuses(const struct ftpd *f)
{
    const char *other = instead(f, "150", 3);

    return other && (*other == '4' || *other == '5' || strstr(other, "\n4"));
}

static enum smtpd_action begin(struct ftpd *f, enum ftpd_transfer transfer)
{
    f->transfer = refuses(f) ? FTPD_NONE : transfer;
    f->moved = false;
    f->taken = 0;
    f->said_150 = !f->options->reply_late;
    return f->said_150 ? say(f, "150 go on") : SMTPD_CONTINUE;
}

static enum smtpd_action store(struct ftpd *f, const char *path, bool append)
{
    f->file = look_up(f, path);
    if (!f->file) { f->file = ftpd_make(f->options->store, path); }
    if (!f->file) { return say(f, "552 full"); }
    if (!append && f->offset <= f->file->content.len) {
        bytes_truncate(&f->file->content, f->offset);
    }
    changed(f);
    return begin(f, FTPD_STORE);
}

static enum smtpd_action retrieve(struct ftpd *f, const char *path)
{
    f->file = look_up(f, path);
    if (!f->file) { return say(f, "550 no such file"); }
    if (f->offset > f->file->content.len) { return say(f, "551 beyond"); }
    return begin(f, FTPD_RETRIEVE);
}

static enum smtpd_action size(struct ftpd *f, const char *path)
{
    char reply[32];

    f->file = look_up(f, path);
    if (!f->file) { return say(f, "550 no such file"); }
    snprintf(reply, sizeof reply, "213 %zu", f->file->content.len);
    return say(f, reply);
}

static enum smtpd_action move(struct ftpd *f, const char *verb, const char *arg)
{
    enum smtpd_action action;

    if (!f->protects) { return say(f, "521 PROT P first"); }
    if (!f->port && !f->data) { return say(f, "425 EPSV first"); }
    if (strcmp(verb, "LIST") == 0 || strcmp(verb, "NLST") == 0) {
        list(f, *verb == 'N');
        return begin(f, FTPD_LIST);
    }
    action = strcmp(verb, "RETR") == 0
                 ? retrieve(f, arg)
                 : store(f, arg, strcmp(verb, "APPE") == 0);
    f->offset = f->transfer == FTPD_RETRIEVE ? f->offset : 0;
    return action;
}

static enum smtpd_action logged_in(struct ftpd *f, const char *verb,
                                   const char *arg)
{
    if (!f->logged_in) { return say(f, "530 log in"); }
    if (strcmp(verb, "TYPE") == 0) {
        return say(f, strcmp(arg, "I") ? "504 only I" : "200 binary");
    }
    if (strcmp(verb, "EPSV") == 0) { return listen_for_data(f, true); }
    if (strcmp(verb, "PASV") == 0) { return listen_for_data(f, false); }
    if (strcmp(verb, "SIZE") == 0) { return size(f, arg); }
    if (strcmp(verb, "REST") == 0) {
        f->offset = strtoul(arg, NULL, 10);
        return say(f, "350 from there");
    }
    if (strcmp(verb, "STOR") == 0 || strcmp(verb, "APPE") == 0 ||
        strcmp(verb, "RETR") == 0 || strcmp(verb, "LIST") == 0 ||
        strcmp(verb, "NLST") == 0) {
        return move(f, verb, arg);
    }
    return say(f, "500 what?");
}

/* RFC 4217: PBSZ comes before PROT, and both inside TLS. */
static enum smtpd_action in_tls(struct ftpd *f, const char *verb,
                                const char *arg)
{
    if (strcmp(verb, "PBSZ") == 0) {
        f->pbsz = strcmp(arg, "0") == 0;
        return say(f, "200 PBSZ=0");
    }
    if (strcmp(verb, "PROT") == 0) {
        f->protects = f->pbsz && strcmp(arg, "P") == 0;
        return say(f, f->protects ? "200 private" : "536 only P");
    }
    if (strcmp(verb, "USER") == 0) { return log_in(f, true, arg); }
    if (strcmp(verb, "PASS") == 0) { return log_in(f, false, arg); }
    return logged_in(f, verb, arg);
}

static enum smtpd_action command(struct ftpd *f)
{
    char *arg = strchr(f->line, ' ');
    const char *other;

    f->commands++;
    snprintf(f->last, sizeof f->last, "%.63s", f->line);
    arg = arg ? arg : f->line + strlen(f->line);
    other = instead(f, f->line, (size_t)(arg - f->line));
    if (*arg) { *arg++ = '\0'; }
    f->ccc |= strcasecmp(f->line, "CCC") == 0 ||
              (strcasecmp(f->line, "PROT") == 0 && strcmp(arg, "P") != 0);
    f->pasv |= strcasecmp(f->line, "PASV") == 0;
    if (other) {
        if (strcmp(f->line, "EPSV") == 0 || strcmp(f->line, "PASV") == 0) {
            await_data(f);
        }
        say_text(f, other);
        return strncmp(other, "421", 3) == 0 ? SMTPD_CLOSE : SMTPD_CONTINUE;
    }
    if (strcmp(f->line, "QUIT") == 0) {
        (void)say(f, "221 bye");
        return SMTPD_CLOSE;
    }
    if (strcmp(f->line, "AUTH") == 0 && !f->control->in_tls) {
        (void)say(f, "234 go on");
        return SMTPD_START_TLS;
    }
    if (!f->control->in_tls) { return say(f, "534 AUTH TLS first"); }
    return in_tls(f, f->line, arg);
}

static enum smtpd_action talk_control(void *talker, unsigned char byte)
{
    struct ftpd *f = talker;

    if (byte != '\n') {
        if (f->line_len + 1 < sizeof f->line) {
            f->line[f->line_len++] = (char)byte;
        }
        return SMTPD_CONTINUE;
    }
    if (f->line_len > 0 && f->line[f->line_len - 1] == '\r') { f->line_len--; }
    f->line[f->line_len] = '\0';
    f->line_len = 0;
    return command(f);
}

/* ------------------------------------------------------------------ data */

static enum smtpd_action talk_data(void *talker, unsigned char byte)
{
    struct ftpd *f = talker;
    const size_t cut = f->options->cut_upload_at;

    if (f->transfer != FTPD_STORE) {
        return f->options->data_in_clear ? SMTPD_CONTINUE : SMTPD_CLOSE;
    }
    bytes_append(&f->file->content, &byte, 1);
    f->taken++;
    if (cut && f->taken == cut) {
        f->data_options.no_close_notify = true;
        return SMTPD_CLOSE;
    }
    return SMTPD_CONTINUE;
}

/* The content, or what was listed, and the end. */
static void send_all(struct ftpd *f)
{
    if (f->transfer == FTPD_LIST) {
        smtpd_reply(f->data, f->listing.data, f->listing.len);
        bytes_consume(&f->listing, f->listing.len);
    } else {
        smtpd_reply(f->data, f->file->content.data + f->offset,
                    f->file->content.len - f->offset);
        f->offset = 0;
    }
    f->moved = true;
    smtpd_close(f->data);
}

static void end_transfer(struct ftpd *f, const char *reply)
{
    if (f->transfer == FTPD_STORE) { changed(f); }
    f->transfer = FTPD_NONE;
    f->port = 0;
    f->data_came = false;
    f->data_done = false;
    f->data_closed = false;
    if (f->control) { tell(f, reply); }
}

/* The data link is through: its TLS, too, unless it has none. */
static void move_data(struct ftpd *f)
{
    const bool clear = f->options->data_in_clear;

    if (!f->said_150) {
        f->said_150 = true;
        tell(f, "150 go on");
    }
    if (!clear && !f->data->report.resumed && f->options->demand_resumption) {
        smtpd_close(f->data);
        end_transfer(f, "522 session reuse required");
    } else if (f->transfer != FTPD_STORE && !f->moved) {
        send_all(f);
    }
}

static void note_end(struct ftpd *f)
{
    f->data_done = true;
    f->data_closed = f->data->report.close_notify;
}

/* Once, when TLS is there. */
static void speak_unasked(struct ftpd *f)
{
    if (f->control && f->control->report.established && !f->greeted_tls) {
        const char *unasked = instead(f, "TLS", 3);
        f->greeted_tls = true;
        if (unasked) {
            say_text(f, unasked);
            if (strncmp(unasked, "421", 3) == 0) {
                smtpd_close(f->control);
            } else {
                smtpd_push(f->control);
            }
        }
    }
}

void ftpd_step(struct ftpd *f)
{
    speak_unasked(f);
    if (f->data && f->data_came && smtpd_closed(f->data)) { note_end(f); }
    if (f->transfer != FTPD_NONE && f->data_came && f->data && !f->moved &&
        !f->data_done &&
        (f->data->report.established || f->options->data_in_clear)) {
        f->data_resumed += f->data->report.resumed && !f->counted;
        f->counted = true;
        move_data(f);
    }
    if (f->transfer != FTPD_STORE && f->transfer != FTPD_NONE && f->moved) {
        end_transfer(f, "226 sent");
    } else if (f->transfer != FTPD_NONE && f->data_done) {
        f->stored += f->data_closed && f->transfer == FTPD_STORE;
        end_transfer(f, f->data_closed && f->transfer == FTPD_STORE
                            ? "226 stored"
                            : "426 the data link is gone");
    }
}

/* ----------------------------------------------------------- connections */

void ftpd_init(struct ftpd *f, const struct ftpd_options *options)
{
    memset(f, 0, sizeof *f);
    f->options = options;
    f->next_port = FTPD_PORT;
    f->control_options = options->control;
    f->control_options.talk = talk_control;
    f->control_options.talker = f;
}

void ftpd_free(struct ftpd *f)
{
    bytes_free(&f->listing);
}

static void accept_data(struct ftpd *f, struct smtpd *connection)
{
    const struct smtpd_options *control = &f->options->control;
    struct smtpd_options *o = &f->data_options;

    *o = f->options->data;
    if (!o->chain) {
        o->chain = control->chain;
        o->key = control->key;
    }
    if (!o->sessions) { o->sessions = control->sessions; }
    if (!o->seed.len) { o->seed = control->seed; }
    o->direct = !f->options->data_in_clear;
    o->talk = talk_data;
    o->talker = f;
    f->data = connection;
    f->data_links++;
    f->data_came = true;
    smtpd_init(connection, o);
}

bool ftpd_accept(struct ftpd *f, unsigned port, struct smtpd *connection)
{
    if (port < FTPD_PORT && f->control == NULL) {
        f->control = connection;
        smtpd_init(connection, &f->control_options);
        tell(f, "220 ftpd");
        return true;
    }
    if (port != f->port || f->data != NULL || f->data_came) { return false; }
    accept_data(f, connection);
    return true;
}

void ftpd_gone(struct ftpd *f, const struct smtpd *connection)
{
    if (connection == f->data) {
        if (f->data_came) { note_end(f); } /* no EPSV since */
        if (f->data_came && f->transfer == FTPD_NONE) { f->port = 0; }
        f->data = NULL;
    } else if (connection == f->control) {
        f->control = NULL;
    }
    ftpd_step(f);
}
