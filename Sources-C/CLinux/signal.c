// Signals as bytes of a pipe.
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile int signal_writer = -1;

static void note(int number) {
    int kept = errno;
    unsigned char byte = (unsigned char)number;
    // A full pipe holds signals enough.
    ssize_t ignored = write(signal_writer, &byte, 1);
    (void)ignored;
    errno = kept;
}

int clinux_catch_signals(void) {
    int ends[2];
    if (signal_writer >= 0) return -EBUSY;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
    signal_writer = ends[1];
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
    const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    for (size_t index = 0; index < sizeof numbers / sizeof numbers[0]; index++)
        if (sigaction(numbers[index], &action, NULL) != 0) return -errno;
    return ends[0];
}

int clinux_next_byte(int fd, int timeout_ms) {
    struct pollfd entry = {fd, POLLIN, 0};
    unsigned char byte = 0;
    int ready = poll(&entry, 1, timeout_ms);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    if (ready == 0) return 0;
    ssize_t count = read(fd, &byte, 1);
    return count == 1 ? byte : 0;
}
