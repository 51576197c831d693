/* Makes one system call of a process fail, or be its last one, and records what the process does to a folder.
 *
 * Preloaded (LD_PRELOAD) and inactive until faults_arm() is called. From then on, every call that opens, writes, syncs,
 * renames, removes or creates something below the folder gets a number, from 1 on, and a line in the trace:
 *
 *     number <tab> call <tab> path <tab> other path or empty <tab> inode <tab> size
 *
 * before it is done, and the same line with "done" in front after it succeeded. What a rename or an unlink would destroy
 * is kept as a hard link below the folder of backups, under its inode's number, so that an unsynced change can be undone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT = 0, FAIL = 1, SHORT_WRITE = 2, DIE = 3 };

static char folder[PATH_MAX], backups[PATH_MAX];
static size_t folder_length;
static int trace = -1, mode, error_number;
static pid_t armed;
static long counter, target;

void faults_arm(const char *watched, const char *backup_folder, const char *trace_file, long number, int what, int error) {
    strcpy(folder, watched);
    strcpy(backups, backup_folder);
    folder_length = strlen(folder);
    target = number;
    mode = what;
    error_number = error;
    counter = 0;
    armed = getpid();
    trace = syscall(SYS_openat, AT_FDCWD, trace_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int watched(const char *path) {
    return !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* The absolute path of `name` relative to a descriptor; of the descriptor itself if `name` is NULL. 0 if it is not watched. */
static int resolve(int descriptor, const char *name, char *path) {
    if (trace < 0 || getpid() != armed) return 0; /* not in processes that this one starts */
    if (name && name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return watched(path);
    }
    char base[PATH_MAX / 2] = ".", link[64];
    if (descriptor == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
    }
    if (name)
        snprintf(path, PATH_MAX, "%s/%s", base, name);
    else
        snprintf(path, PATH_MAX, "%s", base);
    return watched(path);
}

static void record(const char *prefix, long number, const char *call, const char *path, const char *other) {
    struct stat status = {0};
    const char *subject = other && *other && *prefix ? other : path;
    if (lstat(subject, &status)) status.st_ino = 0, status.st_size = 0;
    char line[3 * PATH_MAX];
    int length = snprintf(line, sizeof line, "%s%ld\t%s\t%s\t%s\t%lu\t%ld\n", prefix, number, call, path, other ? other : "",
                          (unsigned long)status.st_ino, (long)status.st_size);
    syscall(SYS_write, trace, line, length);
}

/* Keep what is at a path under its inode's number. */
static void back_up(const char *path) {
    struct stat status;
    char kept[PATH_MAX + 32];
    if (lstat(path, &status) || !S_ISREG(status.st_mode)) return;
    snprintf(kept, sizeof kept, "%s/%lu", backups, (unsigned long)status.st_ino);
    syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0);
}

/* Count a call. Returns 1 if it is to fail; errno is set. Does not return if the process is to die here. */
static int enter(const char *call, const char *path, const char *other) {
    long number = __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    record("", number, call, path, other);
    if (number != target) return 0;
    if (mode == DIE) syscall(SYS_exit_group, 137);
    if (mode != FAIL) return 0;
    errno = error_number;
    return 1;
}

#define NEXT(name) static __typeof__(&name) next; if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int open_with(int (*real)(int, const char *, int, mode_t), int descriptor, const char *name, int flags, mode_t rights) {
    char path[PATH_MAX];
    if (!resolve(descriptor, name, path)) return real(descriptor, name, flags, rights);
    const char *call = flags & (O_CREAT | O_TRUNC) ? "create" : "open";
    if (enter(call, path, "")) return -1;
    int result = real(descriptor, name, flags, rights);
    if (result >= 0) record("done ", counter, flags & O_TRUNC ? "truncate" : call, path, "");
    return result;
}

static int real_openat(int descriptor, const char *name, int flags, mode_t rights) {
    return syscall(SYS_openat, descriptor, name, flags, rights);
}

#define RIGHTS mode_t rights = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); rights = va_arg(more, int); va_end(more); }

int open(const char *name, int flags, ...) { RIGHTS return open_with(real_openat, AT_FDCWD, name, flags, rights); }
int open64(const char *name, int flags, ...) { RIGHTS return open_with(real_openat, AT_FDCWD, name, flags, rights); }
int openat(int at, const char *name, int flags, ...) { RIGHTS return open_with(real_openat, at, name, flags, rights); }
int openat64(int at, const char *name, int flags, ...) { RIGHTS return open_with(real_openat, at, name, flags, rights); }
int creat(const char *name, mode_t rights) { return open_with(real_openat, AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, rights); }

ssize_t write(int descriptor, const void *data, size_t size) {
    char path[PATH_MAX];
    NEXT(write);
    if (!resolve(descriptor, NULL, path)) return next(descriptor, data, size);
    if (enter("write", path, "")) return -1;
    if (counter == target && mode == SHORT_WRITE && size > 1) size /= 2;
    return next(descriptor, data, size);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    NEXT(pwrite64);
    if (!resolve(descriptor, NULL, path)) return next(descriptor, data, size, offset);
    if (enter("write", path, "")) return -1;
    if (counter == target && mode == SHORT_WRITE && size > 1) size /= 2;
    return next(descriptor, data, size, offset);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) { return pwrite64(descriptor, data, size, offset); }

static int sync_with(int number, int descriptor) {
    char path[PATH_MAX];
    if (!resolve(descriptor, NULL, path)) return syscall(number, descriptor);
    if (enter("fsync", path, "")) return -1;
    int result = syscall(number, descriptor);
    if (!result) record("done ", counter, "fsync", path, "");
    return result;
}

int fsync(int descriptor) { return sync_with(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return sync_with(SYS_fdatasync, descriptor); }

int renameat(int from_descriptor, const char *from_name, int to_descriptor, const char *to_name) {
    char from[PATH_MAX], to[PATH_MAX];
    int ours = resolve(from_descriptor, from_name, from);
    if (!(resolve(to_descriptor, to_name, to) || ours) || trace < 0)
        return syscall(SYS_renameat, from_descriptor, from_name, to_descriptor, to_name);
    if (enter("rename", from, to)) return -1;
    back_up(to);
    int result = syscall(SYS_renameat, from_descriptor, from_name, to_descriptor, to_name);
    if (!result) record("done ", counter, "rename", from, to);
    return result;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int descriptor, const char *name, int flags) {
    char path[PATH_MAX];
    if (!resolve(descriptor, name, path)) return syscall(SYS_unlinkat, descriptor, name, flags);
    const char *call = flags & AT_REMOVEDIR ? "rmdir" : "unlink";
    if (enter(call, path, "")) return -1;
    back_up(path);
    int result = syscall(SYS_unlinkat, descriptor, name, flags);
    if (!result) record("done ", counter, call, path, "");
    return result;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int descriptor, const char *name, mode_t rights) {
    char path[PATH_MAX];
    if (!resolve(descriptor, name, path)) return syscall(SYS_mkdirat, descriptor, name, rights);
    if (enter("mkdir", path, "")) return -1;
    int result = syscall(SYS_mkdirat, descriptor, name, rights);
    if (!result) record("done ", counter, "mkdir", path, "");
    return result;
}

int mkdir(const char *name, mode_t rights) { return mkdirat(AT_FDCWD, name, rights); }

int ftruncate64(int descriptor, off64_t size) {
    char path[PATH_MAX];
    if (resolve(descriptor, NULL, path) && enter("truncate", path, "")) return -1;
    return syscall(SYS_ftruncate, descriptor, size);
}

int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

static int chmod_with(int descriptor, const char *name, mode_t rights) {
    char path[PATH_MAX];
    if (resolve(descriptor, name, path) && enter("chmod", path, "")) return -1;
    return name ? syscall(SYS_fchmodat, descriptor, name, rights) : syscall(SYS_fchmod, descriptor, rights);
}

int chmod(const char *name, mode_t rights) { return chmod_with(AT_FDCWD, name, rights); }
int fchmod(int descriptor, mode_t rights) { return chmod_with(descriptor, NULL, rights); }
