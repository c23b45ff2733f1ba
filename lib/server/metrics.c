/* SPDX-License-Identifier: MIT */
/*
 * Metrics over HTTP: one question, one answer, a connection each.
 */
#include "server/metrics.h"

#include <assert.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "server/exposition.h"
#include "server/server.h"

#define MOST_SCRAPERS 16
#define HEAD_ROOM     8192 /* the longest question */
#define PATIENCE      5    /* s, from the first byte to the last, of question and answer */
#define LINGER        1    /* s for the scraper to close after that */
#define RETRY_US      100000

struct valve_scraper {
    struct valve_metrics *metrics;
    struct valve_scraper *next, *previous;
    struct event event, deadline;
    int socket;
    bool is_answered;
    size_t sent;      /* of head and body */
    size_t head_size; /* of the question, and then of the answer */
    size_t body_size; /* that is sent */
    char *body;       /* or NULL */
    char head[HEAD_ROOM];
};

/* ---- A scraper's end ---- */

static void scraper_free(struct valve_scraper *scraper)
{
    struct valve_metrics *metrics = scraper->metrics;

    event_del(&scraper->event);
    event_del(&scraper->deadline);
    if (scraper->previous != NULL)
        scraper->previous->next = scraper->next;
    else
        metrics->scrapers = scraper->next;
    if (scraper->next != NULL)
        scraper->next->previous = scraper->previous;
    metrics->count--;
    close(scraper->socket);
    free(scraper->body);
    free(scraper);
}

static void on_deadline(evutil_socket_t descriptor, short what, void *argument)
{
    (void)descriptor;
    (void)what;
    scraper_free(argument);
}

/* ---- The answer ---- */

/* What there is to say. NULL: no memory. */
static char *write_figures(struct valve_metrics *metrics, size_t *ret_size)
{
    const struct valve_metrics_options *options = &metrics->options;
    struct valve_exposition exposition = {0};
    char *text = NULL;
    bool failed;

    exposition.stream = open_memstream(&text, ret_size);
    if (exposition.stream == NULL)
        return NULL;
    valve_server_stats(metrics->server, valve_exposition_add, &exposition);
    if (options->more != NULL)
        options->more(options->context, valve_exposition_add, &exposition);
    failed = ferror(exposition.stream) != 0;
    if (fclose(exposition.stream) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* An answer that is its status. */
static void refuse(struct valve_scraper *scraper, const char *status, const char *fields)
{
    scraper->body_size = 0;
    scraper->head_size = (size_t)snprintf(
        scraper->head, sizeof scraper->head,
        "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
        "Connection: close\r\n%s\r\n%s\n",
        status, strlen(status) + 1, fields, status);
}

static void tell(struct valve_scraper *scraper, bool with_body)
{
    size_t size = 0;

    scraper->body = write_figures(scraper->metrics, &size);
    if (scraper->body == NULL) {
        refuse(scraper, "503 No memory", "");
        return;
    }
    scraper->body_size = with_body ? size : 0;
    scraper->head_size = (size_t)snprintf(scraper->head, sizeof scraper->head,
                                          "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
                                          "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                                          VALVE_EXPOSITION_TYPE, size);
}

/* The next word of a line, or NULL. */
static char *take_word(char **line)
{
    char *word = strsep(line, " ");

    return word == NULL || *word == '\0' ? NULL : word;
}

/* Answers the question in `head`, of which the first line counts. */
static void answer(struct valve_scraper *scraper)
{
    char *line = scraper->head;
    char *method, *target, *version;

    line[strcspn(line, "\r\n")] = '\0';
    method = take_word(&line);
    target = take_word(&line);
    version = take_word(&line);
    if (method == NULL || target == NULL || version == NULL || line != NULL ||
        strncmp(version, "HTTP/1.", strlen("HTTP/1.")) != 0) {
        refuse(scraper, "400 Bad Request", "");
        return;
    }
    target[strcspn(target, "?")] = '\0';
    if (strcmp(target, "/metrics") != 0)
        refuse(scraper, "404 Not Found", "");
    else if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        tell(scraper, method[0] == 'G');
    else
        refuse(scraper, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
}

/* Sends what the socket takes. Whether all is sent; -1: the scraper is gone. */
static int send_answer(struct valve_scraper *scraper)
{
    size_t size = scraper->head_size + scraper->body_size;

    while (scraper->sent < size) {
        bool in_head = scraper->sent < scraper->head_size;
        size_t in_body = in_head ? 0 : scraper->sent - scraper->head_size;
        const char *data = in_head ? scraper->head + scraper->sent : scraper->body + in_body;
        size_t left = in_head ? scraper->head_size - scraper->sent : scraper->body_size - in_body;
        ssize_t sent = send(scraper->socket, data, left,
                            MSG_NOSIGNAL | MSG_DONTWAIT |
                                (in_head && scraper->body_size > 0 ? MSG_MORE : 0));

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
        scraper->sent += (size_t)sent;
    }
    return 1;
}

/* ---- The conversation ---- */

static void on_event(evutil_socket_t descriptor, short what, void *argument);

static void watch(struct valve_scraper *scraper, short events)
{
    event_del(&scraper->event);
    event_assign(&scraper->event, scraper->metrics->server->base, scraper->socket,
                 events | EV_PERSIST, on_event, scraper);
    if (event_add(&scraper->event, NULL) < 0)
        scraper_free(scraper);
}

/* All is said. What the scraper still sends is read, or its answer would be lost. */
static void linger(struct valve_scraper *scraper)
{
    const struct timeval patience = {.tv_sec = LINGER};

    shutdown(scraper->socket, SHUT_WR);
    event_add(&scraper->deadline, &patience);
    watch(scraper, EV_READ);
}

static void go_on_answering(struct valve_scraper *scraper)
{
    switch (send_answer(scraper)) {
    case 0:
        watch(scraper, EV_WRITE);
        break;
    case 1:
        linger(scraper);
        break;
    default:
        scraper_free(scraper);
        break;
    }
}

static bool is_whole(const struct valve_scraper *scraper)
{
    return memmem(scraper->head, scraper->head_size, "\r\n\r\n", 4) != NULL ||
           memmem(scraper->head, scraper->head_size, "\n\n", 2) != NULL;
}

/* More of the question, or of what comes behind it. 0: nothing now; -1: no more. */
static ssize_t receive(struct valve_scraper *scraper)
{
    size_t used = scraper->is_answered ? 0 : scraper->head_size;
    ssize_t size;

    do
        size = recv(scraper->socket, scraper->head + used, sizeof scraper->head - 1 - used,
                    MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN)
        return 0;
    return size <= 0 ? -1 : size;
}

static void read_question(struct valve_scraper *scraper)
{
    ssize_t size = receive(scraper);

    if (size < 0) {
        scraper_free(scraper);
        return;
    }
    if (size == 0 || scraper->is_answered)
        return;
    scraper->head_size += (size_t)size;
    scraper->head[scraper->head_size] = '\0';
    if (is_whole(scraper))
        answer(scraper);
    else if (scraper->head_size == sizeof scraper->head - 1)
        refuse(scraper, "431 Request Header Fields Too Large", "");
    else
        return;
    scraper->is_answered = true;
    go_on_answering(scraper);
}

static void on_event(evutil_socket_t descriptor, short what, void *argument)
{
    (void)descriptor;
    if (what & EV_WRITE)
        go_on_answering(argument);
    else
        read_question(argument);
}

/* ---- Accepting ---- */

/* It had its time: who is silent keeps nobody out. */
static void drop_oldest(struct valve_metrics *metrics)
{
    struct valve_scraper *scraper = metrics->scrapers;

    while (scraper->next != NULL)
        scraper = scraper->next;
    scraper_free(scraper);
}

static void on_accept(struct evconnlistener *event, evutil_socket_t descriptor,
                      struct sockaddr *peer, int peer_size, void *argument)
{
    const struct timeval patience = {.tv_sec = PATIENCE};
    struct valve_metrics *metrics = argument;
    struct valve_scraper *scraper = malloc(sizeof *scraper);

    (void)event;
    (void)peer;
    (void)peer_size;
    if (scraper == NULL) {
        close((int)descriptor);
        return;
    }
    memset(scraper, 0, offsetof(struct valve_scraper, head));
    scraper->metrics = metrics;
    scraper->socket = (int)descriptor;
    scraper->next = metrics->scrapers;
    if (scraper->next != NULL)
        scraper->next->previous = scraper;
    metrics->scrapers = scraper;
    if (++metrics->count > MOST_SCRAPERS)
        drop_oldest(metrics);
    event_assign(&scraper->event, metrics->server->base, -1, 0, on_event, scraper);
    event_assign(&scraper->deadline, metrics->server->base, -1, 0, on_deadline, scraper);
    event_add(&scraper->deadline, &patience);
    watch(scraper, EV_READ);
}

/* Out of descriptors, most likely: it would be reported again at once. */
static void on_error(struct evconnlistener *event, void *argument)
{
    const struct timeval pause = {.tv_usec = RETRY_US};
    struct valve_metrics *metrics = argument;

    evconnlistener_disable(event);
    event_add(metrics->retry, &pause);
}

static void on_retry(evutil_socket_t descriptor, short what, void *argument)
{
    (void)descriptor;
    (void)what;
    evconnlistener_enable(((struct valve_metrics *)argument)->event);
}

/* ---- Making and ending ---- */

void valve_metrics_init(struct valve_metrics *metrics, struct valve_server *server)
{
    *metrics = (struct valve_metrics){.server = server, .listening.descriptor = -1};
}

int valve_metrics_listen(struct valve_metrics *metrics, const struct valve_metrics_options *options,
                         struct valve_error *ret_error)
{
    const struct valve_listener_options listener = {
        .address = options->address, .mode = options->mode, .group = options->group};
    int r;

    if (metrics->listening.descriptor >= 0) {
        strcpy(ret_error->text, "metrics are served at one address");
        return -EBUSY;
    }
    r = valve_listening_open(&metrics->listening, &listener, metrics->server->options.send_timeout,
                             ret_error);
    if (r == 0)
        metrics->options = *options;
    return r;
}

const char *valve_metrics_address(const struct valve_metrics *metrics)
{
    return metrics->listening.descriptor < 0 ? NULL : metrics->listening.address.text;
}

int valve_metrics_start(struct valve_metrics *metrics)
{
    struct event_base *base = metrics->server->base;

    if (metrics->listening.descriptor < 0)
        return 0;
    metrics->retry = event_new(base, -1, 0, on_retry, metrics);
    metrics->event = evconnlistener_new(base, on_accept, metrics, LEV_OPT_CLOSE_ON_EXEC, 0,
                                        metrics->listening.descriptor);
    if (metrics->retry == NULL || metrics->event == NULL)
        return -ENOMEM;
    evconnlistener_set_error_cb(metrics->event, on_error);
    return 0;
}

void valve_metrics_fini(struct valve_metrics *metrics)
{
    while (metrics->scrapers != NULL)
        scraper_free(metrics->scrapers);
    if (metrics->event != NULL)
        evconnlistener_free(metrics->event);
    if (metrics->retry != NULL)
        event_free(metrics->retry);
    valve_listening_close(&metrics->listening);
    metrics->event = NULL;
    metrics->retry = NULL;
}
