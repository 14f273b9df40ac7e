/*
 * watch start|storm|race DIR: watches a directory with all below it, each one before it is read, and each that is made later.
 *
 * start: prints the time that takes, and that of a look at every file, as after an overflow. storm: reads events until END was deleted. race: counts the files of the race, each
 * named by its number, until END was made.
 */
#include "common.h"
#include <dirent.h>
#include <sys/stat.h>

/* What watch() asks for. */
#define MASK                                                                                    \
  (IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | \
   IN_ONLYDIR | IN_EXCL_UNLINK)
#define PATHS 65536
#define FILES 100000

static int inotify;
static long directories;
static int keeps_paths;
static char path[65536];
static char *paths[PATHS];
static char seen[FILES];
static long count;
static int ended;

static void meet(const char *name) {
  int number;
  if (strcmp(name, "END") == 0) ended = 1;
  if (sscanf(name, "file-%d", &number) == 1 && number < FILES && !seen[number]) {
    seen[number] = 1;
    count++;
  }
}

/* The directory of that name in an open one, and of that path. */
static void enter(int at, const char *name, size_t length) {
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd == -1) return;
  int wd = inotify_add_watch(inotify, path, MASK);
  must(wd != -1 || errno == ENOENT || errno == ENOTDIR, "inotify_add_watch");
  directories++;
  if (keeps_paths && wd != -1 && wd < PATHS) {
    free(paths[wd]);
    paths[wd] = strdup(path);
  }
  DIR *dir = fdopendir(fd);
  must(dir != NULL, "fdopendir");
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_type != DT_DIR) {
      if (keeps_paths) meet(entry->d_name);
      continue;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    size_t more = strlen(entry->d_name) + 1;
    path[length] = '/';
    memcpy(path + length + 1, entry->d_name, more);
    enter(dirfd(dir), entry->d_name, length + more);
    path[length] = 0;
  }
  closedir(dir);
}

static long long latest;

/* The newest change of what is in a directory of that name. */
static void look(int at, const char *name) {
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd == -1) return;
  DIR *dir = fdopendir(fd);
  must(dir != NULL, "fdopendir");
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    struct statx stat;
    unsigned int mask = STATX_INO | STATX_MTIME | STATX_CTIME;
    if (statx(fd, entry->d_name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, mask, &stat) == -1) continue;
    if (stat.stx_ctime.tv_sec > latest) latest = stat.stx_ctime.tv_sec;
    if (entry->d_type == DT_DIR) look(fd, entry->d_name);
  }
  closedir(dir);
}

static void storm(void) {
  static char buffer[BUFFER] __attribute__((aligned(8)));
  int set = set_of(inotify);
  long events = 0, overflows = 0, wakeups = 0, letters = 0;
  double before = cpu_ms();
  while (!ended) {
    sleep_until_ready(set);
    wakeups++;
    ssize_t length = read(inotify, buffer, sizeof buffer);
    for (char *at = buffer; at < buffer + length;) {
      struct inotify_event *event = (void *)at;
      events++;
      if (event->mask & IN_Q_OVERFLOW) overflows++;
      letters += strlen(event->len ? event->name : "");
      if (event->mask & IN_DELETE && strcmp(event->name, "END") == 0) ended = 1;
      at += sizeof *event + event->len;
    }
  }
  printf("{\"cpu\":%.3f,\"events\":%ld,\"overflows\":%ld,\"wakeups\":%ld,\"letters\":%ld}\n",
         cpu_ms() - before, events, overflows, wakeups, letters);
}

static void race(void) {
  static char buffer[BUFFER] __attribute__((aligned(8)));
  int set = set_of(inotify);
  while (!ended) {
    sleep_until_ready(set);
    ssize_t length = read(inotify, buffer, sizeof buffer);
    for (char *at = buffer; at < buffer + length;) {
      struct inotify_event *event = (void *)at;
      at += sizeof *event + event->len;
      if (event->len == 0) continue;
      if (!(event->mask & IN_ISDIR)) {
        meet(event->name);
      } else if (event->mask & (IN_CREATE | IN_MOVED_TO) && event->wd < PATHS && paths[event->wd]) {
        int size = sprintf(path, "%s/%s", paths[event->wd], event->name);
        enter(AT_FDCWD, path, size);
      }
    }
  }
  printf("{\"seen\":%ld}\n", count);
}

int main(int argc, char **argv) {
  must(argc == 3, "watch start|storm|race DIR");
  keeps_paths = strcmp(argv[1], "race") == 0;
  inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  must(inotify != -1, "inotify_init1");
  strcpy(path, argv[2]);
  double cpu = cpu_ms();
  long long begin = now_ns();
  enter(AT_FDCWD, path, strlen(path));
  if (strcmp(argv[1], "start") == 0) {
    double time = (now_ns() - begin) / 1e6;
    double used = cpu_ms() - cpu;
    cpu = cpu_ms();
    begin = now_ns();
    look(AT_FDCWD, path);
    double rescan = (now_ns() - begin) / 1e6;
    printf("{\"time\":%.3f,\"cpu\":%.3f,\"directories\":%ld,\"rescan\":%.3f,\"rescanCpu\":%.3f}\n", time,
           used, directories, rescan, cpu_ms() - cpu);
    return 0;
  }
  ready();
  if (keeps_paths) race();
  else storm();
}
