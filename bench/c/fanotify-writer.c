/* fanotify-writer DIR FILES DIRS: makes and deletes files, each of another name in the next of some directories, then END. */
#include "common.h"
#include <sys/stat.h>

int main(int argc, char **argv) {
  must(argc == 4 && chdir(argv[1]) == 0, "fanotify-writer DIR FILES DIRS");
  long files = atol(argv[2]), dirs = atol(argv[3]);
  char name[64];
  for (long i = 0; i < dirs; i++) {
    sprintf(name, "directory-%02ld", i);
    must(mkdir(name, 0755) == 0 || errno == EEXIST, name);
  }
  for (long i = 0; i < files; i++) {
    sprintf(name, "directory-%02ld/file-%07ld", i % dirs, i);
    must(mknod(name, S_IFREG | 0644, 0) == 0 && unlink(name) == 0, name);
  }
  must(mknod("END", S_IFREG | 0644, 0) == 0 && unlink("END") == 0, "END");
}
