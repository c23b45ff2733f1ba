/* SPDX-License-Identifier: MIT */
/*
 * valve.h - the public interface of libvalve: typed requests and replies in CBOR, served by fibers
 * on pinned workers.
 *
 * A service is described by a schema (a subset of CDDL, RFC 8610). valve-cddl turns SERVICE.cddl
 * into SERVICE.h and SERVICE.c: C types, constant tables, one typed handler and one typed call for
 * each method. People write handlers and calls against the generated header; most of what stands
 * here is what that header is made of.
 *
 * Conventions: functions return 0 or a negative errno; results go through ret_ parameters, which
 * are untouched on failure. Times are nanoseconds of CLOCK_MONOTONIC, deadlines are absolute.
 */
#ifndef VALVE_H
#define VALVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* valve_text() is named as what it makes */
#endif

/* What is declared here is all that libvalve.so shows. */
#pragma GCC visibility push(default)

#define VALVE_NEVER        UINT64_MAX /* the deadline that does not come */
#define VALVE_ERROR_TEXT   512        /* most bytes in the text of an error reply */
#define VALVE_MUST_USE     __attribute__((warn_unused_result))
#define VALVE_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* The deadline so many nanoseconds from now. */
uint64_t valve_deadline(uint64_t nanoseconds);

/* ---- Values ------------------------------------------------------------------------------- */

/* UTF-8, not terminated. */
struct valve_text {
    const char *data;
    size_t size;
};

struct valve_bytes {
    const uint8_t *data;
    size_t size;
};

/* One item of CBOR of whatever type, as it travels: well-formed, and otherwise not looked at. */
struct valve_any {
    const uint8_t *data;
    size_t size;
};

/* The text of a C string. */
struct valve_text valve_text(const char *string);

/* What went wrong, in words for people; empty when nothing did. */
struct valve_error {
    char text[VALVE_ERROR_TEXT];
};

/* ---- Arena: memory that is given back as a whole ------------------------------------------ */

struct valve_arena_block;

/*
 * Hands out memory from a buffer of the owner's, then from blocks of the heap, up to a limit.
 * Belongs to one thread or fiber. Nothing in it is freed singly.
 */
struct valve_arena {
    struct valve_arena_block *blocks; /* heap blocks, the newest first */
    uint8_t *next, *end;              /* free room of the current block */
    uint8_t *initial;                 /* the owner's buffer, or NULL */
    size_t initial_size;
    size_t taken; /* bytes of heap blocks held */
    size_t limit; /* most bytes of heap blocks */
};

/*
 * Starts with `buffer` (may be NULL with size 0; it stays the owner's), grows to `limit`. Where
 * there is no buffer, an arena that is {.limit = LIMIT} is ready without this.
 */
void valve_arena_init(struct valve_arena *arena, void *buffer, size_t size, size_t limit);

/* Memory of `size` bytes, aligned to `alignment` (a power of two), or NULL: limit or no memory. */
void *valve_arena_alloc(struct valve_arena *arena, size_t size, size_t alignment);

/* Forgets all that was handed out; keeps the largest heap block warm. */
void valve_arena_reset(struct valve_arena *arena);

/* Gives everything back. An arena that was only zeroed is accepted. */
void valve_arena_fini(struct valve_arena *arena);

/* ---- Schema tables, as valve-cddl writes them ---------------------------------------------- */

enum valve_shape {
    VALVE_SHAPE_UINT,   /* uint64_t from low to high */
    VALVE_SHAPE_INT,    /* int64_t from low to high (two's complement in the table) */
    VALVE_SHAPE_BOOL,   /* bool */
    VALVE_SHAPE_FLOAT,  /* double; sent in the shortest form that keeps its value */
    VALVE_SHAPE_TEXT,   /* struct valve_text of low to high bytes */
    VALVE_SHAPE_BYTES,  /* struct valve_bytes of low to high bytes */
    VALVE_SHAPE_ANY,    /* struct valve_any */
    VALVE_SHAPE_NIL,    /* nothing: the value is its type */
    VALVE_SHAPE_STRUCT, /* map with text keys: a C struct */
    VALVE_SHAPE_TUPLE,  /* array of fixed length: a C struct */
    VALVE_SHAPE_LIST,   /* [* T]: struct { const T *items; size_t count; } */
    VALVE_SHAPE_MAP,    /* {* tstr => T}: a list of tuples of key and value, sorted when decoded */
    VALVE_SHAPE_SUM,    /* "Variant" or {"Variant" => T}: enum kind, then a union */
    VALVE_SHAPE_CHOICE, /* types that the first head tells apart: enum kind, then a union */
};

enum {
    VALVE_MEMBER_OPTIONAL = 1 << 0, /* `presence` is the offset of a bool */
    VALVE_MEMBER_BOXED = 1 << 1,    /* the C member is a const pointer to the value */
};
enum {
    VALVE_TYPE_OPEN = 1 << 0,  /* a struct that ends in * tstr => any: unknown keys are skipped */
    VALVE_TYPE_INDEX = 1 << 1, /* a UINT that names an element of the table members[0].type */
    VALVE_TYPE_TABLE = 1 << 2, /* a list whose elements indices name */
    VALVE_TYPE_EDGES = 1 << 3, /* an index, or something that holds one */
};

struct valve_type;

/* A key of a struct, an element of a tuple, the element of a list, an arm of a sum or choice. */
struct valve_member {
    const char *name;              /* key or variant as it travels; else a name for messages */
    const struct valve_type *type; /* NULL: a variant that is only its name */
    uint32_t name_size;            /* bytes */
    uint32_t offset;               /* of the value in the C struct */
    uint32_t presence;             /* of the bool, when optional */
    uint32_t flags;                /* VALVE_MEMBER_* */
};

/* One type of a schema. Constant; made by valve-cddl only. */
struct valve_type {
    const char *name; /* the schema's name for it, or a description such as "text" */
    enum valve_shape shape;
    uint32_t flags; /* VALVE_TYPE_* */
    uint32_t size;  /* of the C value */
    uint32_t alignment;
    uint32_t least; /* bytes of its smallest encoding */
    uint32_t count; /* members; of a list, a map and an index: 1 */
    uint64_t low, high;
    const struct valve_member *members; /* a struct's: in the order they are sent */
};

/* ---- Bytes and values: what servers and clients do for a message, for whoever has bytes ------ */

/* How much a reader takes upon itself. */
struct valve_limits {
    size_t max_size;    /* bytes of the item */
    unsigned max_depth; /* levels of arrays and maps */
};

/*
 * Decodes the item at `data` into `ret_value` (type->size bytes), which is allocated in the arena
 * where it is not flat; text, bytes and any point into `data`. *ret_taken (may be NULL) is the
 * item's length: what follows it is not looked at. Never waits, and with a warm arena allocates
 * nothing.
 *   -EAGAIN   the item does not end within `size` bytes
 *   -EBADMSG  it is not well-formed, or not of this type
 *   -EMSGSIZE it is longer, or announces more, than limits->max_size
 *   -ELOOP    it is nested deeper than limits->max_depth
 *   -ENOMEM   the arena's limit, or no memory
 * Then *ret_error says where (the path into the value) and what, *ret_taken at which byte, and
 * `ret_value` is of no use.
 */
int valve_value_decode(const struct valve_type *type, const struct valve_limits *limits,
                       const void *data, size_t size, struct valve_arena *arena, void *ret_value,
                       size_t *ret_taken, struct valve_error *ret_error) VALVE_MUST_USE;

/*
 * Encodes a value into the arena, in the deterministic form of RFC 8949, 4.2.1 (what stands for
 * `any` is sent as it is).
 *   -EINVAL   it breaks its type: a bound, text that is no UTF-8, an unknown kind, keys that come
 *             twice, an index that names nothing
 *   -EMSGSIZE, -ELOOP, -ENOMEM as above
 * Then *ret_error says where and what.
 */
int valve_value_encode(const struct valve_type *type, const struct valve_limits *limits,
                       const void *value, struct valve_arena *arena, struct valve_bytes *ret_bytes,
                       struct valve_error *ret_error) VALVE_MUST_USE;

/*
 * Writes a value in CBOR's diagnostic notation (RFC 8949, section 8) on one line, without a
 * newline. The value must be sound: decoded, or fit to be encoded. 0 or -EIO.
 */
int valve_value_print(const struct valve_type *type, const void *value, FILE *stream);

/*
 * The value of a key in a map that was decoded, or whose entries were put in the order they are
 * sent (shorter keys first, keys of one length bytewise); NULL where there is none.
 */
const void *valve_map_find(const struct valve_type *map, const void *value, struct valve_text key);

/* ---- Serving -------------------------------------------------------------------------------- */

struct valve_server;
struct valve_call; /* one request being answered; lives until its handler has returned */

/* Proof that a call was answered: only the constructors of replies make one. */
struct valve_answer {
    struct valve_call *call;
};

/* A service: what valve-cddl knows of it, and the handlers that somebody wrote. */
struct valve_service {
    const char *name;
    const char *digest;               /* of its schema: see valve-cddl --digest */
    const struct valve_type *request; /* the sum of its methods */
    struct valve_answer (*dispatch)(const struct valve_service *service, struct valve_call *call,
                                    const void *request);
    const void *handlers; /* the generated struct of handlers */
    void *context;        /* handed to each handler */
};

/* Priorities of log messages: those of syslog(3). */
enum valve_priority {
    VALVE_LOG_ERROR = 3,
    VALVE_LOG_WARNING = 4,
    VALVE_LOG_NOTICE = 5,
    VALVE_LOG_INFO = 6,
    VALVE_LOG_DEBUG = 7,
};

/* What became of a call. */
struct valve_ended {
    const char *method;  /* NULL: its request was none of the schema's */
    const char *outcome; /* ok; the code of an error; other: an error without a code that is
                            known; broken: its connection ended before all was with its socket */
    const void *subject; /* what valve_call_subject() was told, or NULL */
    size_t subject_size;
    uint64_t bytes;    /* of its reply, and of items before it, so far; 0: the server refused it */
    uint64_t duration; /* ns from its turn until its reply was queued, or with the socket */
};

/* Everything a server may be told; valve_server_options_default() fills in the defaults. */
struct valve_server_options {
    unsigned workers;         /* threads that serve; 0: one for each CPU the process may use */
    bool pin;                 /* each worker to a CPU of its own */
    uint64_t max_descriptors; /* RLIMIT_NOFILE is raised to its hard limit, no further than this */
    uint64_t max_connections; /* 0: what the descriptor limit leaves */
    uint64_t max_held;        /* descriptors that calls may hold at once: see valve_call_hold() */
    uint64_t reserve;         /* descriptors that neither connections nor calls may take */
    unsigned io_threads;      /* 0: twice the workers, at least 4 */
    unsigned max_fibers;      /* requests being answered at once, in all */
    size_t fiber_stack;       /* bytes; at least 16K, and 8K and 256 for each level of max_depth */
    size_t max_request;       /* bytes of one request */
    size_t arena_limit;       /* heap bytes that one request may take */
    unsigned max_depth;       /* levels of arrays and maps in a request */
    unsigned max_in_flight;   /* requests of one connection at once; more is flow control */
    uint64_t request_timeout; /* ns from the first to the last byte of a request */
    uint64_t idle_timeout;    /* ns with nothing in flight and no byte arriving */
    uint64_t send_timeout;    /* ns in which the peer took nothing of what waits for it */
    uint64_t io_timeout;      /* ns for one job of the I/O pool, and for a resource to come free */
    uint64_t drain_timeout;   /* ns from valve_server_stop() until connections are cut */
    uint64_t stall_timeout;   /* ns in one turn of its loop until a worker is reported; 0: never */
    /* One line of text, which may quote what clients sent. Any thread. NULL: nobody hears of it. */
    void (*log)(void *context, enum valve_priority priority, const char *message);
    void *log_context;               /* and for `stopping` */
    void (*stopping)(void *context); /* main thread, when a stop begins; may be NULL */
    /*
     * A call has ended: for a log of them. Its worker, in the call's fiber; it must not wait. What
     * `ended` refers to lives until it returns. NULL: nobody hears of it, and it costs nothing.
     */
    void (*ended)(void *context, const struct valve_call *call, const struct valve_ended *ended);
    void *ended_context;
};

/* ---- TLS ------------------------------------------------------------------------------------ */

/*
 * What one end of TLS connections shows and whom it believes. TLS 1.3 is spoken (RFC 8446), inside
 * which both ends must speak valve/1 (ALPN, RFC 7301). Sessions are not resumed. A process that
 * serves has to ignore SIGPIPE.
 */
struct valve_tls;

struct valve_tls_options {
    const char *certificate; /* file in PEM: one's own, and those between it and a root, or NULL */
    const char *key;         /* file in PEM: its private key, under no password */
    const char *authorities; /* file in PEM: who has to have signed the other end's. NULL: a server
                                asks for none, a client believes whom this system believes */
    bool allows_1_2;         /* TLS 1.2, too */
};

/*
 * Reads the files, which may wait. 0; -EINVAL (a file is not what it should be), -ENOENT, -EACCES
 * and the like, -ENOMEM: explained in *ret_error. What is opened with it refers to it: it may be
 * freed at any time. NULL is accepted.
 */
int valve_tls_new_server(const struct valve_tls_options *options, struct valve_tls **ret_tls,
                         struct valve_error *ret_error);
int valve_tls_new_client(const struct valve_tls_options *options, struct valve_tls **ret_tls,
                         struct valve_error *ret_error);
void valve_tls_free(struct valve_tls *tls);

/* Whom a certificate names that was shown and has been verified. */
struct valve_certificate {
    char *common_name; /* of its subject; NULL: it has none, or several */
    char **names;      /* its alternative names that are text (DNS, e-mail, URI); ends with NULL */
};

/* ---- Servers -------------------------------------------------------------------------------- */

struct valve_listener_options {
    const char *address;   /* unix:/path, 127.0.0.1:8258, [::1]:8258; port 0: the kernel chooses */
    int socket;            /* one that listens already, which becomes the server's; 0: it is made */
    mode_t mode;           /* of a Unix socket's file */
    gid_t group;           /* of a Unix socket's file; (gid_t)-1: the process's own */
    int backlog;           /* 0: as many as the system allows */
    void *context;         /* what valve_call_listener() tells the handlers of it */
    struct valve_tls *tls; /* of a server: its connections are under TLS; NULL: they are not */
    /*
     * Who has connected? Asked of each connection that was accepted, before anything is read from
     * it, on the main thread; of one under TLS after its handshake, on its worker, and with the
     * certificate that the client has shown, if any. It must not wait. What it puts into *ret_peer,
     * valve_call_peer() tells the handlers. The descriptor stays the server's. Not 0: the
     * connection is closed without a word. NULL: all are let in, and nobody is asked who he is.
     */
    int (*admit)(void *context, int descriptor, const struct valve_certificate *certificate,
                 void **ret_peer);
    /* One that was let in is closed, and none of its calls is left. Any worker. May be NULL. */
    void (*leave)(void *context, void *peer);
};

/* Of the log, for one, what is a WARNING or worse goes to stderr: "valve: warning: ...". */
void valve_server_options_default(struct valve_server_options *ret_options);

/*
 * Serves until SIGTERM or SIGINT: all that a simple program needs. `options` may be NULL: the
 * defaults. The file of a Unix socket is for its owner and group (0660). Prints "listening on
 * ADDRESS" to stdout once it is (with the port that the kernel chose). Process-wide: takes over the
 * two signals for as long, ignores SIGPIPE from then on.
 *   0           stopped, and everything was answered
 *   -ETIMEDOUT  stopped, but calls that had not ended within the drain timeout, or by the second
 *               signal, were cut
 *   -EBUSY      stopped, but a job of the I/O pool is in the kernel's hands: the process should end
 *   others      it could not be started, or failed
 * explained in *ret_error.
 */
int valve_serve(const struct valve_service *service, const char *address,
                const struct valve_server_options *options, struct valve_error *ret_error);

/*
 * Makes a server, raises the descriptor limit of the process and maps the connection table. No
 * thread runs yet. Copies the options; `service` stays the caller's and must outlive the server.
 * Errors are explained in *ret_error.
 */
int valve_server_new(const struct valve_server_options *options,
                     const struct valve_service *service, struct valve_server **ret_server,
                     struct valve_error *ret_error);

/*
 * Binds and listens; connections are accepted once the server runs. Main thread, also while it
 * runs. A socket that was given is the server's also after an error; its file is not removed in the
 * end.
 */
int valve_server_listen(struct valve_server *server, const struct valve_listener_options *options,
                        struct valve_error *ret_error);

/*
 * Listens no more where this is the `context`; connections that came by it stay, and the context
 * has to. Main thread.
 */
void valve_server_unlisten(struct valve_server *server, const void *context);

/*
 * Has what listens with this `context` be under another TLS, or none, from the next connection on.
 * Main thread, while the server runs.
 */
void valve_server_set_tls(struct valve_server *server, const void *context, struct valve_tls *tls);

/* The address of the nth listener as bound (with the port the kernel chose), or NULL. */
const char *valve_server_address(const struct valve_server *server, unsigned index);

/* Process-wide: from now on SIGTERM and SIGINT stop the server; SIGPIPE is ignored. */
int valve_server_stop_on_signals(struct valve_server *server);

/*
 * Calls `run` on the main thread for each signal of this number, or every so many ns, while the
 * server runs. It must not block. Before valve_server_run(). 0 or -ENOMEM.
 */
int valve_server_on_signal(struct valve_server *server, int number, void (*run)(void *context),
                           void *context);
int valve_server_every(struct valve_server *server, uint64_t interval, void (*run)(void *context),
                       void *context);

/* How many workers have not come to the end of a turn for their stall_timeout. Main thread. */
unsigned valve_server_stalled(const struct valve_server *server);

/* Starts the workers and the I/O pool. When it returns 0, connections are being accepted. */
int valve_server_start(struct valve_server *server, struct valve_error *ret_error);

/*
 * Runs the main thread's part until the server has stopped: valve_server_stop(), or a signal. A
 * second signal ends the process's connections at once. 0: every connection was closed in good
 * order; -ETIMEDOUT: some were cut when the drain timeout ran out or a second stop came.
 */
int valve_server_run(struct valve_server *server);

/* Begins to stop: no new connections, what was read is answered. From any thread. */
void valve_server_stop(struct valve_server *server);

/*
 * Frees it all; the server must not be running. NULL is accepted. Returns false where a job of the
 * pool is still in the kernel's hands: then nothing that jobs refer to may be freed either, and the
 * process should exit.
 */
bool valve_server_free(struct valve_server *server);

/* What was found out at start, for logs. */
struct valve_server_facts {
    uint64_t descriptor_limit; /* soft limit now: the length of the connection table */
    uint64_t max_connections;
    uint64_t max_held;
    size_t table_reserved; /* bytes mapped for the table */
    unsigned workers;
    unsigned io_threads;
};
void valve_server_get_facts(const struct valve_server *server,
                            struct valve_server_facts *ret_facts);

/*
 * Calls `ready` on the thread of a worker whenever there is something to read from `descriptor`,
 * until the server has stopped: it must read it, and must not block. After valve_server_new() and
 * before valve_server_start(); the descriptor stays the caller's, and open until the server is
 * freed. 0, -ENOMEM, or why the descriptor cannot be watched.
 */
int valve_server_watch(struct valve_server *server, unsigned worker, int descriptor,
                       void (*ready)(void *context), void *context);

/* ---- Figures ----------------------------------------------------------------------------------
 *
 * What a server has done and does now: requests by method and outcome, how long they took,
 * connections, fibers, the I/O pool, the turns of its workers, faults that it has survived. Names
 * are those of Prometheus: counters only grow, and end in _total; times are in seconds.
 */
enum valve_figure_kind { VALVE_COUNTER, VALVE_GAUGE, VALVE_HISTOGRAM };
struct valve_figure {
    const char *name;
    const char *help;
    enum valve_figure_kind kind;
};

struct valve_label {
    const char *name, *value;
};
struct valve_bucket {
    double bound;
    uint64_t count; /* how many were not greater */
};
#define VALVE_LABELS 2
struct valve_sample {
    const struct valve_figure *figure;
    struct valve_label labels[VALVE_LABELS]; /* a name that is NULL: no further ones */
    double value;                            /* of a histogram, the sum of all */
    const struct valve_bucket *buckets;      /* of a histogram, with ascending bounds */
    unsigned bucket_count;
    uint64_t count; /* of a histogram: how many there were in all */
};

/* Is told a sample, which is valid during the call. All samples of a figure come in succession. */
typedef void (*valve_take_sample)(void *context, const struct valve_sample *sample);

/*
 * Tells all figures of a server that has been started. Any thread, while the server is not being
 * freed. They are read one after another while the server works, so two of them need not agree.
 */
void valve_server_stats(struct valve_server *server, valve_take_sample take, void *context);

struct valve_metrics_options {
    const char *address; /* as for listeners; nobody is asked who he is */
    mode_t mode;         /* of a Unix socket's file */
    gid_t group;         /* likewise; (gid_t)-1: the process's own */
    /* Tells figures of the service's own besides; main thread; may be NULL. Must not block. */
    void (*more)(void *context, valve_take_sample take, void *take_context);
    void *context;
};

/*
 * Serves the figures to Prometheus, by HTTP at /metrics, from the main thread while the server
 * runs. Once, before valve_server_start(). Errors are explained in *ret_error.
 */
int valve_server_listen_metrics(struct valve_server *server,
                                const struct valve_metrics_options *options,
                                struct valve_error *ret_error);

/* Where it does (with the port the kernel chose), or NULL. */
const char *valve_server_metrics_address(const struct valve_server *server);

/* ---- Inside a handler ------------------------------------------------------------------------
 *
 * A handler runs in a fiber of its worker and may wait anywhere by the calls below, which suspend
 * the fiber. It must not block the thread: what may is a job for the I/O pool. Every wait returns
 * -ECANCELED once the call was cancelled, its client is gone or the server cuts it off, and
 * -ETIMEDOUT once its own time is over, now or at the next wait: the handler then ends by an
 * answer, such as an error with valve_error_words().
 */

/*
 * What the call is about, such as the name of a file, for whoever is told of its end. Not copied:
 * it has to live as long as the call does, in its request, its arena, or elsewhere.
 */
void valve_call_subject(struct valve_call *call, const void *subject, size_t size);

/* The `context` of the listener that the call came by. */
void *valve_call_listener(const struct valve_call *call);

/*
 * What the listener's admit() said of the connection that the call came by; NULL without one.
 * Another can take its place, for all calls of the connection, and is then what leave() is told.
 * The socket is for asking who is at its other end, and nothing else.
 */
void *valve_call_peer(const struct valve_call *call);
void valve_call_set_peer(struct valve_call *call, void *peer);
int valve_call_socket(const struct valve_call *call);

/* Whom the certificate names that the client has shown; NULL: none. Valid while the call is. */
const struct valve_certificate *valve_call_certificate(const struct valve_call *call);

/* Memory that lives as long as the call. */
struct valve_arena *valve_call_arena(struct valve_call *call);

/*
 * What a service keeps for each worker, such as a cache, needs no lock: the handlers of a worker
 * run on its thread, and so does what valve_server_watch() calls. worker: which of them runs this
 * call, from 0 on.
 *
 * batch: numbers the batches of input of that worker, from 1. The requests of a batch are read,
 * then it gets its number, then they are started: what is found out under one number, about what
 * they were sent after, holds for all calls that are started under it.
 */
unsigned valve_call_worker(const struct valve_call *call);
uint64_t valve_call_batch(const struct valve_call *call);

/*
 * A piece of work for the I/O pool: one call, or a few, that may block. It owns all it needs and
 * points into no call, because it may outlive the call that ordered it. Embed it as first member.
 */
enum valve_job_kind {
    VALVE_JOB_METADATA, /* opens, stats, removes; some threads are kept for these */
    VALVE_JOB_DATA,     /* reads */
    VALVE_JOB_BULK,     /* pieces of what is long in all, such as a walk; on threads of their own */
};
struct valve_message { /* the library's: what one thread sends to another */
    struct valve_message *next;
    void (*deliver)(struct valve_message *message);
};
struct valve_job {
    void (*work)(struct valve_job *job);    /* runs on a thread of the pool; may block */
    void (*release)(struct valve_job *job); /* frees it, and what it holds; may block */
    enum valve_job_kind kind;
    unsigned held; /* of its call's descriptors, those that it owns: valve_call_hold() */
    bool is_owed;  /* once ordered, it is worked on whatever becomes of its call */
    struct valve_message done; /* from here on the library's */
    struct valve_job *next;
    struct valve_worker *home;
    struct valve_fiber *waiter;
    uint64_t queued_at, deadline;
    int state;
};

/*
 * Runs the job on the pool and waits for it: for io_timeout, the call's own deadline, or
 * cancellation, whichever comes first. A job that is still queued by then is never begun, unless it
 * is owed: the call waits for such a job whatever its client does, and it is begun even if that has
 * lasted for io_timeout.
 *   0           done: the job is the caller's again, with its results
 *   -ECANCELED, -ETIMEDOUT, -EBUSY (the queue stayed full)
 *               the job is the pool's, which releases it, when it has ended if it had begun
 */
int valve_call_run(struct valve_call *call, struct valve_job *job) VALVE_MUST_USE;

/*
 * The same for several jobs of one call at once. order has a job begin (it may wait until the queue
 * has room): errors as of run, after which it is the pool's. Whoever has ordered jobs awaits or
 * abandons each before its call ends; other waits of the call may end early meanwhile.
 *
 * await: waits until one of the jobs is done, and *ret_index tells which: that one is the caller's
 * again. NULL pointers among them, at least one of which must not be, are passed over. On an
 * error (as of run; -ETIMEDOUT for the first of them that has waited too long) they are all still
 * out.
 * abandon: nobody waits for a job that was ordered any more: it is the pool's.
 */
int valve_call_order(struct valve_call *call, struct valve_job *job) VALVE_MUST_USE;
int valve_call_await(struct valve_call *call, struct valve_job *const *jobs, unsigned count,
                     unsigned *ret_index) VALVE_MUST_USE;
void valve_call_abandon(struct valve_call *call, struct valve_job *job);

/*
 * Has the pool release a job, and does not wait: for what a call held, where to give it back may
 * block. The work is not done. The job's `held` places are the call's no longer.
 */
void valve_call_discard(struct valve_call *call, struct valve_job *job);

/* The same for what no call held: `held` is 0. On the worker's own thread. */
void valve_server_discard(struct valve_server *server, unsigned worker, struct valve_job *job);

/*
 * Descriptors are budgeted: connections have theirs, and calls may hold `max_held` of their own,
 * shared out among the workers. Who keeps descriptors over a wait (files, directories, those that
 * its jobs own) counts them first; what is opened and closed without a wait needs no place. A call
 * that has ended holds nothing; what an abandoned job owns is counted until the job has ended.
 *
 * hold: waits until there are places for `count` more, first come, first served, for io_timeout.
 *   0, -EMFILE (there were none in time), -ECANCELED or -ETIMEDOUT (the call's own)
 * try_hold: takes none, or all `count`, without a wait; whether it did.
 * try_hold_some: takes what there is, at most `count`, but leaves half of all to those that wait;
 *   how many: for who can do with less, or with nothing.
 * let_go: gives back so many.
 */
int valve_call_hold(struct valve_call *call, unsigned count) VALVE_MUST_USE;
bool valve_call_try_hold(struct valve_call *call, unsigned count) VALVE_MUST_USE;
unsigned valve_call_try_hold_some(struct valve_call *call, unsigned count) VALVE_MUST_USE;
void valve_call_let_go(struct valve_call *call, unsigned count);

/* Waits for nothing else. 0 when `deadline` came, -ECANCELED or -ETIMEDOUT (the call's own). */
int valve_call_sleep(struct valve_call *call, uint64_t deadline) VALVE_MUST_USE;

/*
 * The words of an error reply for what a wait, a job or a constructor returned, code first:
 * -ECANCELED "cancelled: ...", -ETIMEDOUT "timeout: ...", -EBUSY, -ENOMEM and the like "busy: ...",
 * every other "io: ...", which tells a client nothing of the server's insides. Constant.
 */
struct valve_text valve_error_words(int error);

/* ---- Replies: the generated constructors are made of these ------------------------------------
 *
 * A reply is small (built whole, sent when its turn comes) or large (begun before it is complete).
 * Of large replies one per connection has begun: valve_reply_turn() waits for that. Until the
 * first byte of a large reply was sent, any other arm may still be answered instead; after that it
 * can only be finished, or broken off by answering anything else: the connection is closed inside
 * the item and what was to be answered is logged.
 *
 * A handler answers once. What C cannot prove of that is found at run time, and logged as an error
 * with the names of the service and the method: of two answers the first stands, and the second is
 * not sent; a handler that returns without its own answer, or with two where nobody can tell which
 * was meant, costs its client the connection.
 */

/* The whole reply at once. Does not wait. */
struct valve_answer valve_reply(struct valve_call *call, const struct valve_type *reply,
                                unsigned arm, const void *payload);

/*
 * Waits until the output turn of the connection is this call's; then it is so until the call
 * ends. 0 (at once if it is already), -ECANCELED, -ETIMEDOUT. try: 0 or -EAGAIN, never waits.
 */
int valve_reply_turn(struct valve_call *call) VALVE_MUST_USE;
int valve_reply_try_turn(struct valve_call *call) VALVE_MUST_USE;

/*
 * Whether output waits for the client to read: who holds what is scarce, and could do without it
 * until the client goes on, may let go of it.
 */
bool valve_reply_waits_for_client(const struct valve_call *call);

/*
 * A list, element by element. begin takes the turn; add may wait for the client to read (0,
 * -ECANCELED, -ETIMEDOUT, -ENOMEM; -EINVAL: the element breaks its type; -ELOOP: it is nested
 * deeper than a fiber_stack has room for; -EMSGSIZE: it is larger than an output buffer). After an
 * error, answer with an error.
 */
int valve_reply_list_begin(struct valve_call *call, const struct valve_type *reply,
                           unsigned arm) VALVE_MUST_USE;
int valve_reply_list_add(struct valve_call *call, const void *item) VALVE_MUST_USE;
struct valve_answer valve_reply_list_end(struct valve_call *call);

/*
 * Bytes read in place: reserve gives room of `capacity` bytes (at most VALVE_REPLY_BUFFER) in
 * what will be sent, and may wait for output to drain; done sends the first `size` of them. A
 * second reserve replaces the first. Errors as for list_add.
 *
 * has_room: whether so much could be reserved now, without a wait: for who would let go of what is
 * scarce before it waits for the client.
 */
#define VALVE_REPLY_BUFFER ((size_t)64 * 1024)
int valve_reply_bytes_reserve(struct valve_call *call, size_t capacity,
                              uint8_t **ret_data) VALVE_MUST_USE;
bool valve_reply_has_room(const struct valve_call *call, size_t capacity);
struct valve_answer valve_reply_bytes_done(struct valve_call *call, const struct valve_type *reply,
                                           unsigned arm, size_t size);

/*
 * Bytes of a file, `size` of them from `offset`, sent without copying once the turn is this
 * call's. Waits until all are handed to the kernel or the client is gone. `descriptor` stays the
 * caller's. Where the beginning cannot be read the call is answered with an error; a file that
 * fails or ends later breaks the connection inside the item. `what` names it in both cases.
 */
struct valve_answer valve_reply_bytes_file(struct valve_call *call, const struct valve_type *reply,
                                           unsigned arm, int descriptor, off_t offset,
                                           uint64_t size, const char *what);

/*
 * Of a file that is kept open from reply to reply: when so much of it was found in memory, all at
 * once. Zeros at first. To be given before valve_reply_bytes_file(), which need not look again for
 * some milliseconds then; it stays in place until the call has ended. One thread's at a time.
 */
struct valve_residency {
    uint64_t size; /* bytes, from its start */
    uint64_t at;   /* ns */
};
void valve_reply_residency(struct valve_call *call, struct valve_residency *residency);

/*
 * An item of a stream, before the reply. Sent as a whole, so items of several streams and small
 * replies may follow each other. Waits while more is unsent than a client that keeps up would
 * leave: a handler that is ahead of its client is suspended here, and from time to time one that
 * is not, so that others have their turn. Unless it returns 0 nothing was queued, and:
 *   -ECANCELED, -ETIMEDOUT  also where it need not have waited; time is that of the whole stream
 *   -EINVAL          it breaks its type, and may be left out; or the call was answered before, or
 *                    a large reply begun, which is also logged
 *   -ELOOP           it is nested deeper than a fiber_stack has room for
 *   -EMSGSIZE        it is larger than 16 MiB
 *   -ENOMEM
 */
int valve_reply_item(struct valve_call *call, const struct valve_type *type,
                     const void *item) VALVE_MUST_USE;

/* Nothing: the answer to a one-way request. One that is refused is answered by an error. */
struct valve_answer valve_reply_none(struct valve_call *call);

/*
 * The answer is promised: whoever has *ret_later, another fiber or another thread, gives it, even
 * before the handler has returned. The fiber stays with the call until then, and so do its arena
 * and its request; cancellation, the call's deadline and a client that is gone end the call without
 * an answer from here (`cancelled`, `timeout`). A server that stops waits for it as for any other.
 * *ret_later may be used at once, also by the handler itself. A promise is a name, not a pointer:
 * one that was kept, or lost, or used twice, is harmless; all zero, it is one that nobody made. It
 * must not be used while the server is being freed, or after. (Without memory for it the call is
 * answered `busy`, and nobody waits for the promise.)
 */
struct valve_later {
    struct valve_server *server;
    uint32_t slot, generation;
};
struct valve_answer valve_reply_later(struct valve_call *call, const struct valve_type *reply,
                                      struct valve_later *ret_later);

/*
 * Gives a promised answer. From any thread, never waits.
 *   0           it is on its way; only a cancel, or the end of the call's time, may overtake it
 *   -EALREADY   it was given before; this is logged as an error of the service
 *   -ECANCELED  nobody waits for it any more (nor does the server remember one given long ago)
 *   -EINVAL     the payload breaks its type, or `reply` is not what was promised,
 *   -ENOMEM     no memory: in both cases the promise stands
 */
int valve_later_reply(struct valve_later later, const struct valve_type *reply, unsigned arm,
                      const void *payload);

/* ---- Calling -----------------------------------------------------------------------------------
 *
 * One call:
 *
 *     result = calc_eval(client, &expr, NULL, &arena, valve_deadline(5 * SECOND));
 *     switch (result.outcome) ...  each of its answers, or CALC_EVAL_FAILED
 *
 * Many in flight, received in whatever order they are answered (`context` is the caller's own):
 *
 *     for (i = 0; error == 0 && i < count; i++) {
 *         jobs[i].pending.pending.context = &jobs[i];
 *         error = calc_eval_start(client, &jobs[i].expr, NULL, &jobs[i].pending);
 *     }
 *     while (error == 0 && (error = valve_client_next(client, deadline, &next)) == 0) {
 *         job = next->context;
 *         job->result = calc_eval_receive(client, &job->pending, &arena, deadline);
 *     }                                        at last -ENOENT: nothing is in flight
 *
 * A stream, whose items come before its reply:
 *
 *     error = feed_watch_start(client, &topic, NULL, &pending);
 *     do
 *         result = feed_watch_wait(client, &pending, &arena, deadline);
 *     while (result.outcome == FEED_WATCH_GOT_ITEM);
 *
 * In a handler of a server: the same. A wait suspends the handler, not its worker, and ends with
 * -ECANCELED or -ETIMEDOUT when the handler's own call does. The handlers of one worker may share a
 * client: each makes its own calls, and answers find the handler whose they are. They come one
 * after another: what a handler does not come for holds up those of the others. So one that stops
 * in the middle gives up (valve_client_forget()), and one that is slow has a client of its own.
 * A worker is a thread: a client for each of them is a _Thread_local variable.
 *
 * A client belongs to one thread at a time, and while fibers use it to the thread of those.
 */

struct valve_client;

/* One call in flight. The caller keeps it in place from its start until it has been received. */
struct valve_pending {
    struct valve_pending *next; /* in the client's table */
    const struct valve_type *reply;
    const struct valve_type *item; /* of a stream before the reply, or NULL */
    void *context;                 /* the caller's; never touched */
    void *owner;                   /* the fiber that started it, or NULL: a thread did */
    void *waiter;                  /* the fiber that is suspended until this one comes, or NULL */
    uint32_t id;
    bool dropped; /* the client's own, in the place of one that was given up */
};

struct valve_call_options {
    uint64_t timeout; /* milliseconds the server may take; UINT64_MAX: not sent */
};

/*
 * Connects. `address` as for listeners. Waits until `deadline`.
 * Errors (-ECONNREFUSED, -ETIMEDOUT, -ECANCELED, -EINVAL, ...) are explained in *ret_error.
 */
int valve_client_connect(const char *address, uint64_t deadline, struct valve_client **ret_client,
                         struct valve_error *ret_error);

/*
 * The same under TLS: the server has to show a certificate that names `name`, a host or an address
 * in digits; NULL: the address that is connected to. -EPROTO: the handshake failed, as *ret_error
 * says. A fiber needs 64 KiB of stack for it.
 */
int valve_client_connect_tls(const char *address, const struct valve_tls *tls, const char *name,
                             uint64_t deadline, struct valve_client **ret_client,
                             struct valve_error *ret_error);

/*
 * Closes the connection, whatever is in flight; calls are not touched. NULL is accepted. No fiber
 * may be inside a call of this client: who replaces a broken one that is shared counts its users.
 */
void valve_client_free(struct valve_client *client);

/* Why the last failing call failed, in words. */
const char *valve_client_problem(const struct valve_client *client);

/*
 * Errors of the calls below, besides those each of them names:
 *   -ETIMEDOUT   `deadline` has passed (one in the past: the answer was not at hand). Nothing is
 *                lost: the same call may be made again and goes on where this one stopped, be it
 *                between two replies or inside one. Who will not wait gives the call up with
 *                valve_client_forget(), or frees the client.
 *   -ENOMEM      no memory, or the arena is too small: likewise.
 *   -ELOOP       it is nested deeper than the stack of this fiber has room for: likewise.
 *   -ECANCELED   the fiber that waits was cancelled: likewise.
 *   -ECONNRESET  the stream ended between two items
 *   -ECONNABORTED  the stream ended inside an item: what came of it is worth nothing
 *   -EPROTO      the server broke the protocol
 *   -EREMOTE     the server answered with id 0; its words are in valve_client_problem()
 * The last four break the connection, which is shut down: every later call fails with the same
 * error, and every call in flight is its owner's again, its outcome unknown.
 */

/*
 * Queues a request and never waits. It is sent together with others, when a batch has gathered or
 * by the next wait for a reply; whoever does neither for long calls valve_client_flush(). What the
 * socket does not take stays queued, however much it is: who starts calls faster than they are
 * answered receives some in between, or looks at valve_client_unsent().
 * -EMSGSIZE, -EINVAL (the payload breaks its type), -ELOOP (over 256 levels, or as above), -ENOMEM;
 * -EPIPE, -ECONNRESET and the like once sending has failed: nothing was started; what the server
 * had answered before can still be received. Used by the generated NAME_start().
 */
int valve_client_start(struct valve_client *client, const struct valve_type *request,
                       unsigned method, const void *payload, const struct valve_type *item,
                       const struct valve_type *reply, const struct valve_call_options *options,
                       struct valve_pending *pending);

/* The same for a one-way request: nothing comes back. Used by the generated NAME_send(). */
int valve_client_send(struct valve_client *client, const struct valve_type *request,
                      unsigned method, const void *payload,
                      const struct valve_call_options *options);

/*
 * How many one-way requests the server has refused, as far as its answers have been read (by the
 * waits for other replies, or valve_client_poll()); *ret_last (may be NULL) is what it said last.
 */
uint64_t valve_client_refused(const struct valve_client *client, struct valve_error *ret_last);

/* Sends now what is queued, as far as the socket takes it. 0, or why sending has failed. */
int valve_client_flush(struct valve_client *client);

/* Calls started and not yet received, and bytes queued that the socket has not taken. */
size_t valve_client_in_flight(const struct valve_client *client);
size_t valve_client_unsent(const struct valve_client *client);

/*
 * Sends what is queued and reads what has come, without waiting, up to the head of a reply or item
 * of a call in flight. For who has nothing in flight but one-way requests: tells of refusals, of
 * the end, and as valve_client_flush() why sending has failed. 0 where there is no such news.
 */
int valve_client_poll(struct valve_client *client);

/*
 * Waits for the head of the next reply or item, whichever call it belongs to, and goes on sending
 * meanwhile. In a fiber: of the calls that this fiber has started.
 *   -ENOENT  nothing is in flight
 *   -EBUSY   the one before it was not received whole; or on a thread, while fibers use the client
 */
int valve_client_next(struct valve_client *client, uint64_t deadline,
                      struct valve_pending **ret_pending);

/*
 * Waits for the next item of this call's stream, or its reply. Those of other fibers' calls go to
 * these fibers.
 *   -EBUSY   another call of the same fiber, or on a thread any other, has come first: receive that
 *            (it is the one that valve_client_next() gives) and wait again
 *   -EINVAL  this call is not in flight
 */
int valve_client_wait(struct valve_client *client, struct valve_pending *pending,
                      uint64_t deadline);

/* What *ret_arm is for an item of a stream: its call stays in flight. */
#define VALVE_ARM_ITEM (~0U)

/*
 * Receives what valve_client_next() or valve_client_wait() announced: which arm of its type, and
 * the payload, decoded into `payload` with the arena holding what it points to (at most 16 MiB are
 * decoded as a whole; an item always is). Payloads of replies that may be long (an arm that is a
 * list, or bytes) are not read yet: see valve_client_read_bytes(), valve_client_next_item(). Then
 * *ret_size is the length of the bytes; otherwise 0. -EINVAL: another call was announced, or none.
 */
int valve_client_receive(struct valve_client *client, struct valve_pending *pending,
                         struct valve_arena *arena, uint64_t deadline, unsigned *ret_arm,
                         void *payload, uint64_t *ret_size);

/*
 * The next bytes of a payload, at most `size` (not 0) of them; 0: that was all. Else a negative
 * errno. Large pieces come from the socket without a copy in between.
 */
ssize_t valve_client_read_bytes(struct valve_client *client, void *buffer, size_t size,
                                uint64_t deadline);

/*
 * The next element of a list into `item`: 1, 0 at the end of the list, or a negative errno. The
 * arena may be reset between elements.
 */
int valve_client_next_item(struct valve_client *client, struct valve_arena *arena, void *item,
                           uint64_t deadline);

/*
 * Gives up a call that is in flight, or whose reply is being received: it is the caller's again at
 * once, the server is asked to cancel it, and its reply is dropped when it comes. The connection
 * stays usable. (Without memory to remember it the connection is broken.) Does nothing to a call
 * that is not in flight. NULL stands for the call whose list or bytes the caller, this fiber or a
 * thread, is receiving, as after a NAME() whose pending is gone; where there is none, for none.
 */
void valve_client_forget(struct valve_client *client, struct valve_pending *pending);

#pragma GCC visibility pop

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif
