/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * fd_write_all() - write every byte to a blocking descriptor
 * Retries EINTR and short writes. Return: 0; -EPIPE, -ENOSPC, ... from write(2).
 */
int fd_write_all(int fd, const void *data, size_t n_bytes);

/**
 * fd_read_all() - read exactly @n_bytes from a blocking descriptor
 * Return: 0; -ENODATA when the peer ended before the first byte; -EPROTO when it ended inside;
 * negative errno from read(2).
 */
int fd_read_all(int fd, void *data, size_t n_bytes);

/**
 * fd_read_file_at() - read a small text file of the kernel (sysfs, cgroupfs, procfs) below a
 * directory
 * @dir_fd:  directory, or AT_FDCWD
 * @path:    relative path, chosen by us
 * @buf:     out, NUL-terminated
 * @size:    size of @buf; a longer file gives -EFBIG
 * Return: number of bytes without the NUL, or negative errno.
 */
ssize_t fd_read_file_at(int dir_fd, const char *path, char *buf, size_t size);

/**
 * fd_write_file_at() - write one string to a file of the kernel below a directory, with one
 * write(2) Return: 0 or negative errno.
 */
int fd_write_file_at(int dir_fd, const char *path, const char *text);

/**
 * fd_send_frame() - send one datagram with descriptors over an AF_UNIX SOCK_SEQPACKET socket
 * @n_fds:  0..CONTROL_FDS_MAX; the caller keeps its copies
 * Never raises SIGPIPE. Return: 0; -EAGAIN on a full non-blocking socket; negative errno.
 */
int fd_send_frame(int fd, const void *data, size_t n_bytes, const int *fds, size_t n_fds);

/**
 * fd_receive_frame() - receive one datagram and its descriptors (close-on-exec)
 * @ret_fds:    out, room for CONTROL_FDS_MAX, -EBADF where none
 * @ret_n_fds:  out; descriptors beyond CONTROL_FDS_MAX are closed by the kernel and give -EPROTO
 * On any failure no descriptor is kept. Return: bytes (0 = the peer closed), -EMSGSIZE when the
 * frame was longer than @size, negative errno.
 */
ssize_t fd_receive_frame(int fd, void *buf, size_t size, int *ret_fds, size_t *ret_n_fds);

/* Sets O_NONBLOCK on or off. Return: 0 or negative errno. */
int fd_set_nonblock(int fd, int nonblock);
