/* SPDX-License-Identifier: MIT */
/*
 * A filesystem that mirrors a directory, read-only but for unlink, and can be told to be slow, to
 * fail and to hang.
 *
 *     fault_fs [--direct-io] [--timeout=SECONDS] DIRECTORY MOUNTPOINT
 *
 * It says "ready" when it is mounted, then obeys the lines of its standard input (fault_rules.h).
 * When that ends it is unmounted and gone, whoever still uses it: nothing is left behind by a test
 * that was killed. With a timeout the kernel keeps names and attributes for so long.
 */
#include "fault_rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS_MAX 1024 /* which is how many operations can be held at once */
#define PATH_ROOM   1024

/* A file or directory that the kernel knows of. */
struct node {
    struct node *next;
    dev_t device;
    ino_t inode;
    int descriptor;       /* O_PATH */
    uint64_t lookups;     /* that the kernel has not forgotten */
    char path[PATH_ROOM]; /* by which it was looked up last */
};

static struct node root = {.path = "."};
static pthread_mutex_t nodes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *nodes; /* all but the root */
static bool direct_io;
static double timeout;

/* ---- Nodes ------------------------------------------------------------------------------ */

static struct node *node_of(fuse_ino_t number)
{
    return number == FUSE_ROOT_ID ? &root : (struct node *)number;
}

static void child_path(const struct node *parent, const char *name, char path[PATH_ROOM])
{
    pthread_mutex_lock(&nodes_lock);
    if (snprintf(path, PATH_ROOM, "%s%s%s", parent == &root ? "" : parent->path,
                 parent == &root ? "" : "/", name) >= PATH_ROOM)
        *path = '\0';
    pthread_mutex_unlock(&nodes_lock);
}

/* The node of a file, which takes over the descriptor. */
static struct node *remember(int descriptor, const struct stat *status, const char *path)
{
    struct node *node = nodes;

    while (node && (node->device != status->st_dev || node->inode != status->st_ino))
        node = node->next;
    if (node) {
        close(descriptor);
    } else {
        node = calloc(1, sizeof *node);
        if (!node)
            abort();
        *node = (struct node){nodes, status->st_dev, status->st_ino, descriptor, 0, ""};
        nodes = node;
    }
    node->lookups++;
    strcpy(node->path, path);
    return node;
}

static void forget_node(struct node *node, uint64_t lookups)
{
    struct node **link = &nodes;

    if (node == &root)
        return;
    pthread_mutex_lock(&nodes_lock);
    node->lookups -= lookups;
    while (*link != node)
        link = &(*link)->next;
    if (node->lookups == 0) {
        *link = node->next;
        close(node->descriptor);
        free(node);
    }
    pthread_mutex_unlock(&nodes_lock);
}

/* Suffers the faults of an operation on a node; false if they have answered it. */
static bool survives(fuse_req_t request, enum fault_operation operation, const struct node *node,
                     uint64_t end)
{
    char path[PATH_ROOM];
    int error;

    pthread_mutex_lock(&nodes_lock);
    strcpy(path, node->path);
    pthread_mutex_unlock(&nodes_lock);
    error = fault_suffer(request, operation, path, end);
    if (error != 0)
        fuse_reply_err(request, error);
    return error == 0;
}

/* ---- Operations on names ---------------------------------------------------------------- */

static void mirror_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = {.attr_timeout = timeout, .entry_timeout = timeout};
    struct node *directory = node_of(parent);
    char path[PATH_ROOM];
    int descriptor, error;

    child_path(directory, name, path);
    error = fault_suffer(request, FAULT_LOOKUP, path, 0);
    if (error != 0) {
        fuse_reply_err(request, error);
        return;
    }
    descriptor = openat(directory->descriptor, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &entry.attr) < 0) {
        fuse_reply_err(request, errno);
        return;
    }
    pthread_mutex_lock(&nodes_lock);
    entry.ino = (fuse_ino_t)remember(descriptor, &entry.attr, path);
    pthread_mutex_unlock(&nodes_lock);
    fuse_reply_entry(request, &entry);
}

static void mirror_forget(fuse_req_t request, fuse_ino_t number, uint64_t lookups)
{
    forget_node(node_of(number), lookups);
    fuse_reply_none(request);
}

static void mirror_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct node *directory = node_of(parent);
    char path[PATH_ROOM];
    int error;

    child_path(directory, name, path);
    error = fault_suffer(request, FAULT_UNLINK, path, 0);
    if (error == 0 && unlinkat(directory->descriptor, name, 0) < 0)
        error = errno;
    fuse_reply_err(request, error);
}

static void mirror_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    struct node *node = node_of(number);
    struct stat status;

    (void)info;
    if (!survives(request, FAULT_GETATTR, node, 0))
        return;
    if (fstat(node->descriptor, &status) < 0)
        fuse_reply_err(request, errno);
    else
        fuse_reply_attr(request, &status, timeout);
}

/* ---- Operations on files ------------------------------------------------------------------ */

static int reopen(const struct node *node, int flags)
{
    char name[32];

    snprintf(name, sizeof name, "/proc/self/fd/%d", node->descriptor);
    return open(name, flags | O_CLOEXEC);
}

static void mirror_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    struct node *node = node_of(number);
    int descriptor;

    if (!survives(request, FAULT_OPEN, node, 0))
        return;
    if ((info->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(request, EROFS);
        return;
    }
    descriptor = reopen(node, O_RDONLY);
    if (descriptor < 0) {
        fuse_reply_err(request, errno);
        return;
    }
    info->fh = (uint64_t)descriptor;
    info->direct_io = direct_io;
    fuse_reply_open(request, info);
}

static void mirror_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                        struct fuse_file_info *info)
{
    char *data;
    ssize_t got;

    if (!survives(request, FAULT_READ, node_of(number), (uint64_t)offset + size - 1))
        return;
    data = malloc(size);
    if (!data)
        abort();
    got = pread((int)info->fh, data, size, offset);
    if (got < 0)
        fuse_reply_err(request, errno);
    else
        fuse_reply_buf(request, data, (size_t)got);
    free(data);
}

static void mirror_flush(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)info;
    if (survives(request, FAULT_FLUSH, node_of(number), 0))
        fuse_reply_err(request, 0);
}

static void mirror_release(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    if (survives(request, FAULT_RELEASE, node_of(number), 0))
        fuse_reply_err(request, 0);
    close((int)info->fh);
}

/* ---- Operations on directories ------------------------------------------------------------ */

static void mirror_opendir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    struct node *node = node_of(number);
    int descriptor;
    DIR *directory;

    if (!survives(request, FAULT_OPENDIR, node, 0))
        return;
    descriptor = reopen(node, O_RDONLY | O_DIRECTORY);
    directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (!directory) {
        fuse_reply_err(request, errno);
        return;
    }
    info->fh = (uint64_t)(uintptr_t)directory;
    fuse_reply_open(request, info);
}

static void mirror_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                           struct fuse_file_info *info)
{
    DIR *directory = (DIR *)(uintptr_t)info->fh;
    const struct dirent *entry;
    size_t used = 0;
    char *data;

    if (!survives(request, FAULT_READDIR, node_of(number), (uint64_t)offset))
        return;
    data = malloc(size);
    if (!data)
        abort();
    seekdir(directory, offset);
    while ((entry = readdir(directory))) {
        struct stat status = {.st_ino = entry->d_ino, .st_mode = (mode_t)DTTOIF(entry->d_type)};
        size_t wanted = fuse_add_direntry(request, data + used, size - used, entry->d_name, &status,
                                          entry->d_off);

        if (wanted > size - used)
            break;
        used += wanted;
    }
    fuse_reply_buf(request, data, used);
    free(data);
}

static void mirror_releasedir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    closedir((DIR *)(uintptr_t)info->fh);
    fuse_reply_err(request, 0);
}

/* ---- The session -------------------------------------------------------------------------- */

/* As many reads ahead as there may be threads; the kernel's own limit is 12. */
static void mirror_init(void *context, struct fuse_conn_info *connection)
{
    (void)context;
    connection->max_background = THREADS_MAX;
    connection->congestion_threshold = THREADS_MAX;
}

static const struct fuse_lowlevel_ops operations = {
    .init = mirror_init,
    .lookup = mirror_lookup,
    .forget = mirror_forget,
    .getattr = mirror_getattr,
    .unlink = mirror_unlink,
    .open = mirror_open,
    .read = mirror_read,
    .flush = mirror_flush,
    .release = mirror_release,
    .opendir = mirror_opendir,
    .readdir = mirror_readdir,
    .releasedir = mirror_releasedir,
};

static void *obey_until_end(void *argument)
{
    struct fuse_session *session = argument;
    char line[512];

    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        fault_obey(line, stdout);
        fflush(stdout);
    }
    fuse_session_unmount(session);
    _exit(EXIT_SUCCESS); /* the kernel ends what is still being waited for */
}

static struct fuse_session *mount_mirror(const char *mountpoint)
{
    char *words[] = {"fault_fs", "-o",
                     geteuid() == 0 ? "default_permissions,allow_other,fsname=fault_fs"
                                    : "default_permissions,fsname=fault_fs"};
    struct fuse_args arguments = FUSE_ARGS_INIT(3, words);
    struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations,
                                                    NULL);

    fuse_opt_free_args(&arguments);
    if (session && fuse_session_mount(session, mountpoint) == 0)
        return session;
    return NULL;
}

static int serve(struct fuse_session *session)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    pthread_t control;
    int r;

    fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
    if (pthread_create(&control, NULL, obey_until_end, session) != 0)
        return EXIT_FAILURE;
    r = fuse_session_loop_mt(session, config);
    fault_clear();
    pthread_join(control, NULL); /* somebody else may have unmounted it */
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct fuse_session *session;
    int first = 1;

    for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++) {
        if (strcmp(argv[first], "--direct-io") == 0)
            direct_io = true;
        else if (sscanf(argv[first], "--timeout=%lf", &timeout) != 1)
            break;
    }
    if (argc - first != 2) {
        fprintf(stderr, "usage: fault_fs [--direct-io] [--timeout=SECONDS] DIRECTORY MOUNTPOINT\n");
        return 64;
    }
    root.descriptor = open(argv[first], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root.descriptor < 0) {
        perror(argv[first]);
        return EXIT_FAILURE;
    }
    session = mount_mirror(argv[first + 1]);
    return session ? serve(session) : EXIT_FAILURE;
}
