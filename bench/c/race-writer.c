/*
 * race-writer DIR ROUNDS: makes DIR/old-N with five directories below one another and a file in each, renames it to
 * DIR/new-N, writes one more file at its bottom and deletes all of it without a pause, then sleeps 10 ms; in the end it makes
 * DIR/END. No two files have the same name.
 */
#include "common.h"
#include <sys/stat.h>

enum { DEPTH = 6 };

static int number;

static void touch(const char *directory) {
  char path[4096];
  sprintf(path, "%s/file-%d", directory, number++);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  must(fd != -1 && write(fd, "text", 4) == 4 && close(fd) == 0, path);
}

static void drop(const char *directory, int file) {
  char path[4096];
  sprintf(path, "%s/file-%d", directory, file);
  must(unlink(path) == 0, path);
}

int main(int argc, char **argv) {
  must(argc == 3 && chdir(argv[1]) == 0, "race-writer DIR ROUNDS");
  for (int round = 0; round < atoi(argv[2]); round++) {
    char top[64], moved[64], path[256];
    int first = number;
    sprintf(top, "old-%d", round);
    sprintf(moved, "new-%d", round);
    strcpy(path, top);
    for (int level = 0; level < DEPTH; level++) {
      if (level > 0) strcat(path, "/d");
      must(mkdir(path, 0755) == 0, path);
      touch(path);
    }
    must(rename(top, moved) == 0, top);
    strcpy(path, moved);
    for (int level = 1; level < DEPTH; level++) strcat(path, "/d");
    touch(path);
    drop(path, first + DEPTH);
    for (int level = DEPTH - 1; level >= 0; level--) {
      drop(path, first + level);
      must(rmdir(path) == 0, path);
      path[strlen(path) - (level > 0 ? 2 : 0)] = 0;
    }
    usleep(10000);
  }
  must(close(open("END", O_CREAT | O_WRONLY, 0644)) == 0, "END");
}
