/*
 * fanotify-storm DIR: marks the file system of DIR, sleeps in epoll_wait, reads once, and makes the path of every
 * event, with a table of directories, until END was made.
 */
#include "common.h"
#include <limits.h>
#include <sys/fanotify.h>

#define SLOTS 4096

/* A directory by its handle. */
static struct place {
  unsigned length;
  unsigned char key[160];
  char path[PATH_MAX];
  size_t path_length;
} *table[SLOTS];

static struct place *place_of(int root, const unsigned char *key, unsigned length) {
  unsigned hash = 2166136261u;
  for (unsigned at = 0; at < length; at++) hash = (hash ^ key[at]) * 16777619u;
  for (unsigned slot = hash % SLOTS;; slot = (slot + 1) % SLOTS) {
    struct place *place = table[slot];
    if (place != NULL) {
      if (place->length == length && memcmp(place->key, key, length) == 0) return place;
      continue;
    }
    place = table[slot] = calloc(1, sizeof *place);
    must(length <= sizeof place->key, "a handle");
    memcpy(place->key, key, place->length = length);
    /* The key is the fsid, then the handle as it is opened. */
    int fd = open_by_handle_at(root, (struct file_handle *)(place->key + 8), O_PATH | O_CLOEXEC);
    must(fd != -1, "open_by_handle_at");
    char link[64];
    sprintf(link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, place->path, sizeof place->path - 1);
    must(size > 0, link);
    place->path_length = size;
    close(fd);
    return place;
  }
}

int main(int argc, char **argv) {
  must(argc == 2, "fanotify-storm DIR");
  static char buffer[BUFFER] __attribute__((aligned(8)));
  int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC | FAN_REPORT_DFID_NAME | FAN_UNLIMITED_QUEUE, O_RDONLY);
  must(fd != -1, "fanotify_init");
  must(fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CREATE, AT_FDCWD, argv[1]) == 0, "fanotify_mark");
  int root = open(argv[1], O_RDONLY | O_CLOEXEC), set = set_of(fd), ended = 0;
  long events = 0, lost = 0, wakeups = 0, letters = 0;
  char path[PATH_MAX + NAME_MAX + 2];
  ready();
  double before = cpu_ms();
  while (!ended) {
    sleep_until_ready(set);
    wakeups++;
    ssize_t length = read(fd, buffer, sizeof buffer);
    struct fanotify_event_metadata *event = (void *)buffer;
    for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
      events++;
      if (event->mask & FAN_Q_OVERFLOW) {
        lost++;
        continue;
      }
      struct fanotify_event_info_fid *info = (void *)(event + 1);
      struct file_handle *handle = (void *)info->handle;
      const unsigned char *key = (void *)&info->fsid;
      const char *name = (char *)handle->f_handle + handle->handle_bytes;
      struct place *place = place_of(root, key, (unsigned char *)name - key);
      memcpy(path, place->path, place->path_length);
      path[place->path_length] = '/';
      strcpy(path + place->path_length + 1, name);
      letters += strlen(path);
      if (strcmp(name, "END") == 0) ended = 1;
    }
  }
  double cpu = cpu_ms() - before;
  printf("{\"cpu\":%.3f,\"events\":%ld,\"overflows\":%ld,\"wakeups\":%ld,\"letters\":%ld}\n", cpu,
         events, lost, wakeups, letters);
}
