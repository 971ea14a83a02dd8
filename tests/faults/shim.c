/* Faults for a program that knows nothing of them: preloaded, it counts the calls that touch a folder, writes them to a
 * log, and makes the one that is asked for fail, come back short, or be the moment at which a signal arrives.
 *
 *   FAULTS_UNDER   the folder; calls on paths outside of it are none of our business
 *   FAULTS_LOG     a file that gets a line for each call: NAME<tab>PATH, and <tab>NEW PATH for renames and links
 *   FAULTS_CALL    the name of a call, or "any"
 *   FAULTS_NTH     which of these calls, from 1 on; 0: each of them
 *   FAULTS_DO      "errno N": it fails so. "signal N": the process gets the signal, then the call is made.
 *                  "short": reads and writes move one byte (reads of more than a page: a page) at a time.
 *
 * Calls are made as the kernel has them, so that nothing depends on the C library's own names for them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum action { NOTHING, FAIL, SIGNAL, SHORT };

static const char *under, *wanted;
static long nth;
static enum action action;
static int number, journal = -1;
static atomic_long seen;

/* A process that forks and gets another environment calls it again, before it has threads. */
__attribute__((constructor)) void faults_begin(void)
{
    const char *order = getenv("FAULTS_DO"), *log = getenv("FAULTS_LOG"), *count = getenv("FAULTS_NTH");

    under = getenv("FAULTS_UNDER");
    wanted = getenv("FAULTS_CALL");
    nth = count ? atol(count) : 0;
    if (order && sscanf(order, "errno %d", &number) == 1)
        action = FAIL;
    else if (order && sscanf(order, "signal %d", &number) == 1)
        action = SIGNAL;
    else if (order && strcmp(order, "short") == 0)
        action = SHORT;
    if (log) {
        int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0666);
        journal = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 40);
        syscall(SYS_close, fd);
    }
}

static int inside(const char *path)
{
    size_t length = under ? strlen(under) : 0;

    return length && path && strncmp(path, under, length) == 0 && (path[length] == '/' || !path[length]);
}

static int moves_bytes(const char *call)
{
    return !strcmp(call, "read") || !strcmp(call, "pread") || !strcmp(call, "write") || !strcmp(call, "pwrite") ||
           !strcmp(call, "copy");
}

/* Whether something is to happen to this call. A signal has then arrived already. */
static int hit(const char *call, const char *path, const char *other)
{
    int error = errno;

    if (!inside(path) && !inside(other))
        return 0;
    if (journal >= 0) {
        char line[3 * PATH_MAX];
        int size = snprintf(line, sizeof line, "%s\t%s%s%s\n", call, path, other ? "\t" : "", other ? other : "");

        if (syscall(SYS_write, journal, line, size) != size)
            abort();
    }
    errno = error;
    if (action == NOTHING || !wanted || (strcmp(wanted, call) && strcmp(wanted, "any")))
        return 0;
    if (action == SHORT && !moves_bytes(call))
        return 0;
    if (nth && atomic_fetch_add(&seen, 1) + 1 != nth)
        return 0;
    if (action == SIGNAL) {
        kill(getpid(), number);
        errno = error;
        return 0;
    }
    if (action == FAIL)
        errno = number;
    return 1;
}

static const char *path_of(int fd, char *room)
{
    char link[64];
    int error = errno;
    long size;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = syscall(SYS_readlinkat, AT_FDCWD, link, room, PATH_MAX - 1);
    room[size < 0 ? 0 : size] = 0;
    errno = error;
    return room;
}

static const char *path_at(int folder, const char *path, char *room)
{
    char base[PATH_MAX];

    if (!path || path[0] == '/')
        return path;
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) < 0)
            return path;
    } else {
        path_of(folder, base);
    }
    if (snprintf(room, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
        return path;
    return room;
}

/* What is opened to ask for its real path alone is told apart: where that fails there is another way to ask. */
static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    char room[PATH_MAX];
    const char *call = (flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)) == O_PATH ? "look" : "open";

    if (hit(call, path_at(folder, path, room), NULL))
        return -1;
    return syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE_OF(flags)                                        \
    mode_t mode = 0;                                          \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                  \
        va_list rest;                                         \
        va_start(rest, flags);                                \
        mode = va_arg(rest, mode_t);                          \
        va_end(rest);                                         \
    }

int open(const char *path, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_OF(flags) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags) return open_at(at, path, flags, mode); }

/* Give the number of bytes to move, 0 where the call is to fail. */
static size_t room_for(const char *call, int fd, size_t size, int *failed)
{
    char room[PATH_MAX];

    *failed = 0;
    if (!hit(call, path_of(fd, room), NULL))
        return size;
    if (action == SHORT)
        return size > 4096 ? 4096 : size ? 1 : 0;
    *failed = 1;
    return 0;
}

ssize_t read(int fd, void *data, size_t size)
{
    int failed;
    size_t count = room_for("read", fd, size, &failed);

    return failed ? -1 : syscall(SYS_read, fd, data, count);
}

ssize_t write(int fd, const void *data, size_t size)
{
    int failed;
    size_t count = room_for("write", fd, size, &failed);

    return failed ? -1 : syscall(SYS_write, fd, data, count);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    int failed;
    size_t count = room_for("pread", fd, size, &failed);

    return failed ? -1 : syscall(SYS_pread64, fd, data, count, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    int failed;
    size_t count = room_for("pwrite", fd, size, &failed);

    return failed ? -1 : syscall(SYS_pwrite64, fd, data, count, offset);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset) { return pread64(fd, data, size, offset); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags)
{
    char one[PATH_MAX], other[PATH_MAX];
    int failed = hit("copy", path_of(in, one), path_of(out, other));

    if (failed && action != SHORT)
        return -1;
    return syscall(SYS_copy_file_range, in, from, out, to, failed && size > 4096 ? 4096 : size, flags);
}

/* A descriptor is gone even where close() fails. What was only read is told apart: nothing can be lost with it. */
int close(int fd)
{
    char room[PATH_MAX];
    int flags = syscall(SYS_fcntl, fd, F_GETFL);
    int failed = hit((flags & O_ACCMODE) == O_RDONLY ? "close-read" : "close", path_of(fd, room), NULL);
    int error = errno, status = syscall(SYS_close, fd);

    if (!failed)
        return status;
    errno = error;
    return -1;
}

int fsync(int fd)
{
    char room[PATH_MAX];

    return hit("fsync", path_of(fd, room), NULL) ? -1 : syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    char room[PATH_MAX];

    return hit("fsync", path_of(fd, room), NULL) ? -1 : syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t size)
{
    char room[PATH_MAX];

    return hit("ftruncate", path_of(fd, room), NULL) ? -1 : syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int flock(int fd, int operation)
{
    char room[PATH_MAX];

    return hit("flock", path_of(fd, room), NULL) ? -1 : syscall(SYS_flock, fd, operation);
}

/* "rename" is any of them; "renameat2" can be told to fail alone, as where only plain renames are known. */
int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    char one[PATH_MAX], other[PATH_MAX];
    const char *call = flags && wanted && !strcmp(wanted, "renameat2") ? wanted : "rename";

    if (hit(call, path_at(from, old, one), path_at(to, new, other)))
        return -1;
    return syscall(SYS_renameat2, from, old, to, new, flags);
}

int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    char one[PATH_MAX], other[PATH_MAX];

    if (hit("link", path_at(from, old, one), path_at(to, new, other)))
        return -1;
    return syscall(SYS_linkat, from, old, to, new, flags);
}

int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int mkdirat(int at, const char *path, mode_t mode)
{
    char room[PATH_MAX];

    return hit("mkdir", path_at(at, path, room), NULL) ? -1 : syscall(SYS_mkdirat, at, path, mode);
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int unlinkat(int at, const char *path, int flags)
{
    char room[PATH_MAX];

    return hit("unlink", path_at(at, path, room), NULL) ? -1 : syscall(SYS_unlinkat, at, path, flags);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
