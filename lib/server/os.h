/* SPDX-License-Identifier: MIT */
/*
 * What a server needs of the operating system beyond POSIX. One file for each system implements it.
 */
#ifndef VALVE_SERVER_OS_H
#define VALVE_SERVER_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The numbers of the CPUs this process may run on (its cpuset); at most `room`. Count or -errno. */
int valve_os_cpus(unsigned *cpus, unsigned room);

/* Binds the calling thread to one CPU. 0 or -errno. */
int valve_os_pin(unsigned cpu);

/* Names the calling thread for ps and debuggers; at most 15 characters count. */
void valve_os_name_thread(const char *name);

/*
 * From now on the calling thread waits for its turn when it wakes, and does not interrupt one that
 * runs. As far as the system allows it.
 */
void valve_os_let_others_go_first(void);

/* And it has a tenth of what a thread has that wants to run on the same CPU, for good. */
void valve_os_leave_most_to_others(void);

/*
 * Sends file content without copying: at most `size` bytes from *offset, which moves on. Returns
 * bytes sent, 0 at the end of the file, -EAGAIN when the socket is full, or another -errno. May
 * block where the content is not in memory.
 */
ssize_t valve_os_send_file(int socket, int file, off_t *offset, size_t size);

/*
 * Whether a range of a file (not of 0 bytes) is in memory, so that sending it now does not block;
 * never waits. Each page is known to be there, or every eighth where the kernel does not tell; that
 * what is there has been read, too, is sampled. While a file is on its way from the disk
 * (`is_moving`) that is not enough: then each page is tried, which costs as much as reading it. Of
 * tmpfs always.
 */
bool valve_os_in_memory(int file, off_t offset, size_t size, bool is_moving);

/*
 * Reads a range, and asks for `ahead` bytes of it and what follows; waits for the disk. Bytes read,
 * fewer only at the end of the file or before a byte that cannot be read; or -errno.
 */
ssize_t valve_os_read(int file, off_t offset, void *data, size_t size, size_t ahead);

/* The same of what is in memory: -EAGAIN where the first byte is not. Never waits. */
ssize_t valve_os_read_hot(int file, off_t offset, void *data, size_t size);

/*
 * Has the kernel end connections whose peer's machine is silent: one that acknowledges no data, and
 * one that answers no probes of an idle connection, for a minute more than `patience` ns, or two
 * minutes. To be called for a listening TCP socket, whose connections inherit it.
 */
void valve_os_watch_peers(int socket, uint64_t patience);

/*
 * Bounds what the kernel takes from us before it may go out, in bytes, whatever its own limits are.
 * To be called for a listening TCP socket, whose connections inherit it.
 */
void valve_os_bound_unsent(int socket, unsigned most);

/* Bytes that the peer of a stream socket has not taken yet. Or -errno. */
int valve_os_untaken(int socket);

/* Whether the peer is gone altogether: an error or a hang-up, not just the end of its input. */
bool valve_os_peer_gone(int socket);

/* Gives memory back whose contents are not needed any more: whole pages, which are zeroes then. */
void valve_os_forget(void *memory, size_t size);

/* Gives the free pages of all heaps back to the system, and the end of the thread's own. */
void valve_os_trim_heap(void);

/*
 * Blocks of `least` bytes and more that the heap has no room for are mapped one by one from now on,
 * and go back to the system when they are freed, whatever lies beside them. For programs, not
 * libraries: it is the whole process's.
 */
void valve_os_map_large_blocks(size_t least);

#endif
