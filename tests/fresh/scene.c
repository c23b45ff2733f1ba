/* SPDX-License-Identifier: MIT */
/*
 * What a writer does to its scene.
 */
#include <config.h>

#include "tests/fresh/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096

struct place {
    char path[256];
};

static struct place place_of(const struct scene *scene, const char *path)
{
    bool is_inside = strncmp(path, "in/", 3) == 0;
    struct place place;

    snprintf(place.path, sizeof place.path, "%s/%s", is_inside ? scene->inside : scene->outside,
             strchr(path, '/') + 1);
    return place;
}

/* Takes what a call returned. */
static void expect(long result, const char *what, const char *path)
{
    if (result >= 0)
        return;
    fprintf(stderr, "fresh_load: %s %s: %s\n", what, path, strerror(errno));
    exit(EXIT_FAILURE);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Small ones mostly; those at which something changes in how they are read, and large ones. */
static size_t choose_size(struct random *random)
{
    static const uint16_t edges[] = {0, 1, 4095, 4096, 4097, 8192, 12288, 16384};
    static const uint32_t large[] = {65535, 65536, 65537, CONTENT_MOST};

    if (random_chance(random, 0.05))
        return large[random_below(random, 4)];
    if (random_chance(random, 0.3))
        return edges[random_below(random, 8)];
    return random_below(random, 2000);
}

static void fill(struct random *random, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word = random_next(random);

        memcpy(bytes + i, &word, size - i < sizeof word ? size - i : sizeof word);
    }
}

static size_t at_most(size_t size, size_t most)
{
    return size < most ? size : most;
}

/* Where to write, and how much, so that there is no gap and it stays within the bounds. */
static void choose_range(struct scene *scene, enum way way, const struct file *file,
                         size_t *ret_offset, size_t *ret_size)
{
    bool is_mapped = way == BY_MAPPING || way == BY_SYNCED_MAPPING;
    size_t offset = random_below(&scene->random, file->size + 1);
    size_t end = offset + 1 + choose_size(&scene->random);

    if (way == BY_DIRECT_AIO) {
        offset = at_most(offset, CONTENT_MOST - BLOCK) / BLOCK * BLOCK;
        end = offset + BLOCK;
    }
    end = at_most(end, is_mapped ? file->size : CONTENT_MOST);
    *ret_offset = at_most(offset, end);
    *ret_size = end - *ret_offset;
}

static void write_bytes(struct scene *scene, enum way way, const char *path)
{
    static _Thread_local _Alignas(BLOCK) uint8_t bytes[CONTENT_MOST];
    struct file *file = model_find(scene->top, path)->file;
    struct place place = place_of(scene, path);
    size_t offset, size;

    choose_range(scene, way, file, &offset, &size);
    if (size == 0)
        return; /* it is full, or empty and mapped */
    fill(&scene->random, bytes, size);
    errno = -disk_write(&scene->disk, way, place.path, bytes, size, offset);
    expect(-errno, "write", place.path);
    memcpy(file->bytes + offset, bytes, size);
    if (file->size < offset + size)
        file->size = offset + size;
}

static void append_bytes(struct scene *scene, const char *path)
{
    struct file *file = model_find(scene->top, path)->file;
    size_t size = at_most(1 + choose_size(&scene->random), CONTENT_MOST - file->size);
    struct place place = place_of(scene, path);
    int descriptor = open(place.path, O_WRONLY | O_APPEND | O_CLOEXEC);

    expect(descriptor, "open", place.path);
    fill(&scene->random, file->bytes + file->size, size);
    expect(write(descriptor, file->bytes + file->size, size), "write", place.path);
    file->size += size;
    close(descriptor);
}

static void truncate_file(struct scene *scene, const char *path)
{
    struct file *file = model_find(scene->top, path)->file;
    size_t size = choose_size(&scene->random);
    struct place place = place_of(scene, path);

    expect(truncate(place.path, (off_t)size), "truncate", place.path);
    if (size > file->size)
        memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* A new file of some content, of which the caller knows a descriptor. */
static struct file *write_new(struct scene *scene, int descriptor, const char *path)
{
    struct file *file = file_new();

    expect(descriptor, "make", path);
    file->size = choose_size(&scene->random);
    fill(&scene->random, file->bytes, file->size);
    expect(write(descriptor, file->bytes, file->size), "write", path);
    return file;
}

static void make_file(struct scene *scene, const char *path)
{
    struct place place = place_of(scene, path);
    int descriptor = open(place.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    struct file *file = write_new(scene, descriptor, place.path);

    close(descriptor);
    model_put(scene->top, path, node_new(NODE_FILE, file));
}

static void link_nameless(struct scene *scene, const char *path)
{
    struct place place = place_of(scene, path);
    int descriptor = open(scene->outside, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644);
    struct file *file = write_new(scene, descriptor, scene->outside);
    char name[64];

    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    expect(linkat(AT_FDCWD, name, AT_FDCWD, place.path, AT_SYMLINK_FOLLOW), "link", place.path);
    close(descriptor);
    model_put(scene->top, path, node_new(NODE_FILE, file));
}

static void link_file(struct scene *scene, const char *from, const char *to)
{
    struct place source = place_of(scene, from), target = place_of(scene, to);

    expect(link(source.path, target.path), "link", target.path);
    model_put(scene->top, to, node_new(NODE_FILE, model_find(scene->top, from)->file));
}

static void move(struct scene *scene, const char *from, const char *to, bool by_uring)
{
    struct place source = place_of(scene, from), target = place_of(scene, to);
    struct node *node = model_find(scene->top, from), *old = model_find(scene->top, to);
    long r = by_uring ? disk_rename(&scene->disk, source.path, target.path) : 1;

    if (by_uring && r < 0)
        errno = (int)-r;
    expect(by_uring ? r : rename(source.path, target.path), "move", target.path);
    if (old != NULL) {
        model_take(old);
        node_free(old);
    }
    model_take(node);
    model_put(scene->top, to, node);
}

static void exchange(struct scene *scene, const char *one, const char *other)
{
    struct place first = place_of(scene, one), second = place_of(scene, other);

    expect(renameat2(AT_FDCWD, first.path, AT_FDCWD, second.path, RENAME_EXCHANGE), "exchange",
           first.path);
    model_exchange(scene->top, one, other);
}

/* A directory that somebody holds open lives on: that it is gone is told by its parent alone. */
static void hold(struct scene *scene, const char *path)
{
    if (scene->held >= 0)
        close(scene->held);
    scene->held = open(path, O_PATH | O_CLOEXEC);
    expect(scene->held, "open", path);
}

static void take_away(struct scene *scene, const char *path, bool is_gone)
{
    struct place place = place_of(scene, path);
    struct node *node = model_find(scene->top, path);

    if (node->kind == NODE_DIRECTORY)
        hold(scene, place.path);
    if (!is_gone)
        expect(remove(place.path), "remove", place.path);
    model_take(node);
    node_free(node);
}

static void make_other(struct scene *scene, const struct step *step)
{
    struct place place = place_of(scene, step->from);
    bool is_directory = step->action == MAKE_DIRECTORY;
    long r;

    if (is_directory)
        r = mkdir(place.path, 0755);
    else if (step->action == MAKE_FIFO)
        r = mkfifo(place.path, 0644);
    else
        r = symlink(step->to, place.path);
    expect(r, "make", place.path);
    model_put(scene->top, step->from, node_new(is_directory ? NODE_DIRECTORY : NODE_OTHER, NULL));
}

/* ---- Permissions and mounts ------------------------------------------------------------------ */

static void allow(struct scene *scene, const char *path, bool is_allowed)
{
    struct place place = place_of(scene, path);
    struct node *node = model_find(scene->top, path);
    mode_t mode = node->file != NULL ? 0644 : 0755;

    expect(chmod(place.path, is_allowed ? mode : 0), "chmod", place.path);
    if (node->file != NULL)
        node->file->is_forbidden = !is_allowed;
    else
        node->is_forbidden = !is_allowed;
}

/* What is mounted there has the names that the directory `shown` has. */
static struct node *copy_of_names(const struct node *shown, struct node *parent)
{
    struct node *copies = NULL;

    for (const struct node *child = shown->children; child != NULL; child = child->next) {
        struct node *copy = node_new(child->kind, child->file);

        memcpy(copy->name, child->name, sizeof copy->name);
        copy->parent = parent;
        copy->next = copies;
        copies = copy;
    }
    return copies;
}

static void cover(struct scene *scene, const struct step *step)
{
    bool is_bound = step->action == BIND;
    const char *path = is_bound ? step->to : step->from;
    struct node *directory = model_find(scene->top, path);
    struct place place = place_of(scene, path), source = place_of(scene, step->from);

    expect(is_bound ? mount(source.path, place.path, NULL, MS_BIND, NULL)
                    : mount("none", place.path, "tmpfs", 0, "size=1m"),
           "mount", place.path);
    model_cover(directory,
                is_bound ? copy_of_names(model_find(scene->top, step->from), directory) : NULL);
}

/* The server may be about to read there. */
static void uncover(struct scene *scene, const char *path)
{
    struct place place = place_of(scene, path);
    int r;

    do
        r = umount(place.path);
    while (r < 0 && errno == EBUSY);
    expect(r, "unmount", place.path);
    model_uncover(model_find(scene->top, path));
}

/* ---- Any of them ----------------------------------------------------------------------------- */

static enum way way_of(enum action action)
{
    return (enum way)(action - PWRITE);
}

bool scene_can(const struct scene *scene, const struct step *step)
{
    if (step->action == MOVE_BY_URING)
        return disk_can(&scene->disk, BY_URING);
    return step->action < PWRITE || step->action > URING ||
           disk_can(&scene->disk, way_of(step->action));
}

void scene_act(struct scene *scene, const struct step *step)
{
    switch (step->action) {
    case PWRITE:
    case STORE:
    case STORE_AND_SYNC:
    case AIO:
    case DIRECT_AIO:
    case URING:
        write_bytes(scene, way_of(step->action), step->from);
        break;
    case APPEND:
        append_bytes(scene, step->from);
        break;
    case TRUNCATE:
        truncate_file(scene, step->from);
        break;
    case MAKE:
        make_file(scene, step->from);
        break;
    case MAKE_DIRECTORY:
    case MAKE_FIFO:
    case MAKE_LINK:
        make_other(scene, step);
        break;
    case MOVE:
    case MOVE_BY_URING:
        move(scene, step->from, step->to, step->action == MOVE_BY_URING);
        break;
    case EXCHANGE:
        exchange(scene, step->from, step->to);
        break;
    case REMOVE:
    case REQUEST_DEL:
        take_away(scene, step->from, step->action == REQUEST_DEL);
        break;
    case LINK:
        link_file(scene, step->from, step->to);
        break;
    case LINK_NAMELESS:
        link_nameless(scene, step->from);
        break;
    case FORBID:
    case ALLOW:
        allow(scene, step->from, step->action == ALLOW);
        break;
    case MOUNT:
    case BIND:
        cover(scene, step);
        break;
    case UNMOUNT:
        uncover(scene, step->from);
        break;
    case NO_ACTION:
        break;
    }
}

/* What each kind of change finds, and leaves again. */
static void make_tree(struct scene *scene)
{
    static const struct step steps[] = {
        {MAKE_DIRECTORY, "in/g", NULL, true},   {MAKE_DIRECTORY, "in/g/p", NULL, true},
        {MAKE_DIRECTORY, "in/g/q", NULL, true}, {MAKE_DIRECTORY, "in/g/e", NULL, true},
        {MAKE_DIRECTORY, "in/h", NULL, true},   {MAKE_DIRECTORY, "in/h/p", NULL, true},
        {MAKE, "in/g/p/f", NULL, true},         {MAKE, "in/g/p/near", NULL, true},
        {MAKE, "in/g/q/f", NULL, true},         {MAKE, "in/g/q/none", NULL, true},
        {MAKE, "in/h/p/f", NULL, true},
    };

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        scene_act(scene, &steps[i]);
}

static struct node *new_directory(const char *name)
{
    struct node *node = node_new(NODE_DIRECTORY, NULL);

    snprintf(node->name, sizeof node->name, "%s", name);
    return node;
}

void scene_init(struct scene *scene, const char *top, unsigned number, uint64_t seed)
{
    struct node *inside = new_directory("in"), *outside = new_directory("out");

    *scene = (struct scene){.random = random_stream(seed, number), .held = -1};
    snprintf(scene->name, sizeof scene->name, "s%u", number % 10000);
    snprintf(scene->inside, sizeof scene->inside, "%s/root/%s", top, scene->name);
    snprintf(scene->outside, sizeof scene->outside, "%s/outside/%s", top, scene->name);
    expect(mkdir(scene->inside, 0755), "make", scene->inside);
    expect(mkdir(scene->outside, 0755), "make", scene->outside);
    disk_init(&scene->disk);
    scene->top = new_directory("");
    scene->top->children = inside;
    inside->next = outside;
    inside->parent = outside->parent = scene->top;
    make_tree(scene);
}

void scene_fini(struct scene *scene)
{
    disk_fini(&scene->disk);
    if (scene->held >= 0)
        close(scene->held);
    node_free(scene->top);
}
