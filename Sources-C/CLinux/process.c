// Child processes that start in another network namespace and cgroup.
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define LISTEN_VARIABLES 2
#define ENVIRONMENT_MAX 1024

// Decimal digits of a pid after `prefix`, without the heap: this runs between fork and exec.
static void write_pid(char *text, const char *prefix, int pid) {
    char digits[12];
    int count = 0;
    do digits[count++] = (char)('0' + pid % 10);
    while ((pid /= 10) > 0);
    char *next = stpcpy(text, prefix);
    while (count > 0) *next++ = digits[--count];
    *next = 0;
}

static int join_cgroup(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t written = write(fd, "0", 1);
    close(fd);
    return written == 1 ? 0 : -1;
}

static int place_descriptors(const struct clinux_spawn *options) {
    int null_fd = open("/dev/null", O_RDWR);
    if (null_fd < 0 || dup2(null_fd, 0) < 0) return -1;
    int output = options->output_fd >= 0 ? options->output_fd : null_fd;
    if (dup2(output, 1) < 0 || dup2(output, 2) < 0) return -1;
    if (null_fd > 2) close(null_fd);
    if (options->listen_fd == 3 && fcntl(3, F_SETFD, 0) != 0) return -1;
    if (options->listen_fd >= 0 && options->listen_fd != 3 && dup2(options->listen_fd, 3) < 0) return -1;
    // What the caller inherited itself (pipes of a shell, say) is not for a child that outlives it.
    unsigned int first = options->listen_fd >= 0 ? 4 : 3;
    return close_range(first, ~0U, CLOSE_RANGE_CLOEXEC);
}

static int enter(const struct clinux_spawn *options) {
    if (options->new_session && setsid() < 0) return -1;
    if (options->parent_death_signal != 0 && prctl(PR_SET_PDEATHSIG, options->parent_death_signal) != 0) return -1;
    if (options->cgroup_procs != NULL && join_cgroup(options->cgroup_procs) != 0) return -1;
    if (options->network_namespace_fd >= 0 && setns(options->network_namespace_fd, CLONE_NEWNET) != 0) return -1;
    return place_descriptors(options);
}

static void run_child(const struct clinux_spawn *options, const char **environment, int count, int report_fd) {
    static char listen_pid[32];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    if (enter(options) == 0) {
        if (options->listen_fd >= 0) {
            write_pid(listen_pid, "LISTEN_PID=", getpid());
            environment[count++] = listen_pid;
            environment[count++] = "LISTEN_FDS=1";
        }
        environment[count] = NULL;
        execve(options->argv[0], (char *const *)options->argv, (char *const *)environment);
    }
    int failure = errno;
    ssize_t ignored = write(report_fd, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

int clinux_spawn(const struct clinux_spawn *options) {
    const char *const *source = options->environment != NULL ? options->environment : (const char *const *)environ;
    const char *environment[ENVIRONMENT_MAX + LISTEN_VARIABLES + 1];
    int count = 0;
    for (; source[count] != NULL; count++) {
        if (count == ENVIRONMENT_MAX) return -E2BIG;
        environment[count] = source[count];
    }
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return -errno;
    // The report must not be overwritten when descriptor 3 is placed.
    int writer = fcntl(report[1], F_DUPFD_CLOEXEC, 64);
    close(report[1]);
    if (writer < 0) {
        close(report[0]);
        return -EMFILE;
    }
    pid_t pid = fork();
    if (pid == 0) run_child(options, environment, count, writer);
    int failure = pid < 0 ? errno : 0;
    close(writer);
    if (pid > 0) {
        int child_failure = 0;
        ssize_t got;
        do got = read(report[0], &child_failure, sizeof child_failure);
        while (got < 0 && errno == EINTR);
        if (got == sizeof child_failure) {
            failure = child_failure;
            waitpid(pid, NULL, 0);
        }
    }
    close(report[0]);
    return failure != 0 ? -failure : pid;
}

int clinux_reap(int pid, int *status) {
    int raw = 0;
    pid_t got = waitpid(pid, &raw, WNOHANG);
    if (got < 0) return -errno;
    if (got == 0) return 0;
    *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return 1;
}

int clinux_pidfd_open(int pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd >= 0 ? fd : -errno;
}

int clinux_pidfd_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : -errno;
}
