/* SPDX-License-Identifier: MIT */
/*
 * Decides which calls fail, as the test says in a file that is shared with it, and tells it which
 * call sites were reached and which were let fail.
 *
 * What counts are the calls made by the program itself, by libvalve, libevent and inih; those that
 * the C library makes for itself do not.
 */
#define _GNU_SOURCE
#include "tests/fault.h"

#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ERRORS_EACH       3
#define NAME(name, ...)   [CALL_##name] = #name,
#define ERRORS(name, ...) [CALL_##name] = {__VA_ARGS__},

static const char *const names[] = {CALLS(NAME)};
static const int errors[][ERRORS_EACH] = {CALLS(ERRORS)};

/* ---- What is shared with the test ----------------------------------------------------------- */

#define MOST_CALLS   160
#define MOST_MODULES 8
#define MOST_SITES   4096
#define MOST_WAYS    8192
#define MOST_FRAMES  24
#define NAME_SIZE    32
#define PATH_SIZE    256

enum fault_mode {
    FAULT_NONE,
    FAULT_ONCE,      /* the call number `first` fails */
    FAULT_ALWAYS,    /* and all that follow it */
    FAULT_INTERRUPT, /* every other call that may give EINTR does so */
    FAULT_SHORT,     /* what moves bytes moves one */
    FAULT_DELAY,     /* the call number `first` takes `delay` longer */
    FAULT_NEW,       /* one fails that is reached by a way that was not tried so often yet */
};

/* What stands for a module whose calls count. */
#define FAULT_LIBRARY 2 /* it is none of valve's own */

struct fault_site {
    _Atomic uint64_t key; /* module, call, and the offset of the return address */
    _Atomic uint64_t reached, failed;
};

/* tests/fault.py has the same layout. */
struct fault_control {
    /* Set by the test; the mode last. */
    _Atomic uint64_t mode;
    uint64_t first;   /* from 1 */
    uint64_t variety; /* which of its errors a call gives */
    uint64_t delay;   /* ns */
    /* Set here; 0 when a mode is set. */
    _Atomic uint64_t counted;
    _Atomic uint64_t injected;
    _Atomic uint64_t last;         /* key of the site that was let fail last */
    _Atomic uint64_t taken;        /* whether FAULT_NEW has made its choice */
    uint64_t most;                 /* set by the test: how often FAULT_NEW tries the same way */
    uint8_t calls[MOST_CALLS];     /* set by the test: which calls count */
    uint8_t modules[MOST_MODULES]; /* and whose */
    uint8_t broken[MOST_CALLS];    /* set by the test: the error that a call always gives */
    /* Set at the start of the program. */
    char module_paths[MOST_MODULES][PATH_SIZE];
    char call_names[MOST_CALLS][NAME_SIZE];
    struct fault_site sites[MOST_SITES];
    /*
     * Ways: a call and those that led to it. What was seen of each since a mode was set, and how
     * much of that was let fail: 1 for its first time, 2 for its second, too.
     */
    _Atomic uint64_t ways[MOST_WAYS];
    _Atomic uint32_t seen[MOST_WAYS];
    _Atomic uint32_t tried[MOST_WAYS];
};

_Static_assert(CALL_COUNT <= MOST_CALLS, "room for all calls");

struct module {
    uintptr_t base, end;
};

static struct fault_control *control; /* NULL until the start is over */
static struct module modules[MOST_MODULES];
static unsigned module_count;

static int add_module(struct dl_phdr_info *info, size_t size, void *unused)
{
    static const char *const ours[] = {"libvalve", "libevent", "libinih"};
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *name = slash ? slash + 1 : info->dlpi_name;
    bool is_ours = *name == '\0'; /* the program */
    struct module *module = &modules[module_count];

    (void)size;
    (void)unused;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        is_ours = is_ours || strncmp(name, ours[i], strlen(ours[i])) == 0;
    if (!is_ours || module_count == MOST_MODULES)
        return 0;
    module->base = info->dlpi_addr;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type == PT_LOAD)
            module->end = module->base + segment->p_vaddr + segment->p_memsz;
    }
    strncpy(control->module_paths[module_count++], info->dlpi_name, PATH_SIZE - 1);
    return 0;
}

/* By system calls alone: what is wrapped here does not count itself. */
__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("VALVE_FAULT");
    long descriptor = path ? syscall(SYS_open, path, O_RDWR | O_CLOEXEC) : -1;
    void *shared, *frame;

    if (descriptor < 0)
        return;
    shared = (void *)syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED,
                             descriptor, 0L); /* a long: it goes by the stack */
    syscall(SYS_close, descriptor);
    if (shared == MAP_FAILED)
        abort();
    backtrace(&frame, 1); /* the first one loads a library */
    control = shared;
    dl_iterate_phdr(add_module, NULL);
    for (unsigned i = 0; i < CALL_COUNT; i++)
        strncpy(control->call_names[i], names[i], NAME_SIZE - 1);
}

/* ---- The decision --------------------------------------------------------------------------- */

/* The module that the address is in, or module_count. */
static unsigned find_module(uintptr_t address)
{
    unsigned module = 0;

    while (module < module_count &&
           !(modules[module].base <= address && address < modules[module].end))
        module++;
    return module;
}

bool is_ours(void *caller)
{
    return control && find_module((uintptr_t)caller) < module_count;
}

static uint64_t mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

/* Where the key is in a table of so many, and is put if it is new. */
static unsigned find_place(_Atomic uint64_t *keys, unsigned stride, unsigned count, uint64_t key)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned place = (unsigned)((mix(0, key) + i) % count);
        uint64_t free_place = 0;

        if (atomic_compare_exchange_strong(&keys[place * stride], &free_place, key) ||
            free_place == key)
            return place;
    }
    abort();
}

/* The call site, or NULL if it is none of ours. */
static struct fault_site *find_site(enum call call, uintptr_t address, unsigned *ret_module)
{
    const unsigned stride = sizeof(struct fault_site) / sizeof(uint64_t);
    unsigned module = find_module(address);
    uint64_t key;

    if (module == module_count)
        return NULL;
    *ret_module = module;
    key = (uint64_t)(module + 1) << 56 | (uint64_t)call << 40 | (address - modules[module].base);
    return &control->sites[find_place(&control->sites[0].key, stride, MOST_SITES, key)];
}

static unsigned count_errors(enum call call)
{
    unsigned count = 0;

    while (count < ERRORS_EACH && errors[call][count] != 0)
        count++;
    return count;
}

static int choose_error(enum call call)
{
    return errors[call][control->variety % count_errors(call)];
}

/* The calls of ours that led here, as a number that is the same in each run. */
static uint64_t way_to(enum call call)
{
    void *frames[MOST_FRAMES];
    int count = backtrace(frames, MOST_FRAMES);
    uint64_t hash = call + 1;

    for (int i = 0; i < count; i++) {
        unsigned module = find_module((uintptr_t)frames[i]);

        if (module < module_count)
            hash = mix(hash, mix(module + 1, (uintptr_t)frames[i] - modules[module].base));
    }
    return hash != 0 ? hash : 1;
}

/* Its next error if this time on this way was not tried, and if no other is let fail meanwhile. */
static int choose_new(enum call call)
{
    uint64_t nobody = 0;
    unsigned way;
    uint32_t time;

    if (control->taken || control->variety >= count_errors(call))
        return 0;
    way = find_place(control->ways, 1, MOST_WAYS, way_to(call));
    time = ++control->seen[way];
    if (time <= control->tried[way] || time > control->most ||
        !atomic_compare_exchange_strong(&control->taken, &nobody, 1))
        return 0;
    control->tried[way] = time;
    return choose_error(call);
}

static bool may_be_interrupted(enum call call)
{
    for (unsigned i = 0; i < ERRORS_EACH; i++)
        if (errors[call][i] == EINTR)
            return true;
    return false;
}

static void sleep_for(uint64_t duration)
{
    struct timespec left = {(time_t)(duration / 1000000000), (long)(duration % 1000000000)};

    while (syscall(SYS_nanosleep, &left, &left) < 0)
        continue;
}

static int choose_fault(enum call call, uint64_t number)
{
    switch ((enum fault_mode)control->mode) {
    case FAULT_ONCE:
        return number == control->first ? choose_error(call) : 0;
    case FAULT_ALWAYS:
        return number >= control->first ? choose_error(call) : 0;
    case FAULT_INTERRUPT:
        return number % 2 == 1 && may_be_interrupted(call) ? EINTR : 0;
    case FAULT_DELAY:
        if (number == control->first)
            sleep_for(control->delay);
        return 0;
    case FAULT_NEW:
        return choose_new(call);
    case FAULT_SHORT:
    case FAULT_NONE:
        break;
    }
    return 0;
}

/* The error that the call shall give, or 0. */
int fault(enum call call, void *caller)
{
    unsigned module;
    struct fault_site *site = control ? find_site(call, (uintptr_t)caller, &module) : NULL;
    int error;

    if (!site)
        return 0;
    site->reached++;
    if (control->broken[call] != 0)
        return control->broken[call];
    if (control->mode == FAULT_NONE || !control->calls[call] || !control->modules[module])
        return 0;
    /* libevent tells itself of signals by a pair of sockets, which has no way to fail. */
    if (control->modules[module] == FAULT_LIBRARY && (call == CALL_read || call == CALL_write))
        return 0;
    error = choose_fault(call, ++control->counted);
    if (error != 0) {
        site->failed++;
        control->injected++;
        control->last = site->key;
    }
    return error;
}

/* Where it says so, the connection is really gone: the next calls must find the same. */
int fault_of_socket(enum call call, void *caller, int socket)
{
    int error = fault(call, caller);

    if (error == ECONNRESET)
        syscall(SYS_shutdown, socket, SHUT_RDWR);
    return error;
}

size_t shorten(enum call call, size_t size)
{
    if (!control || control->mode != FAULT_SHORT || !control->calls[call] || size <= 1)
        return size;
    control->injected++;
    return 1;
}
