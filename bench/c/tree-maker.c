/* tree-maker DIR [FILES [flat]]: 20,000 directories with five files each, or so many, three levels deep; or the files alone. */
#include "common.h"
#include <sys/stat.h>

static const int widths[] = {20, 10, 99, 0};

static int files = 5;

static void fill(int dir, int level) {
  char name[32];
  for (int i = 0; i < files; i++) {
    sprintf(name, "file-%d.txt", i);
    must(close(openat(dir, name, O_CREAT | O_WRONLY, 0644)) == 0, name);
  }
  for (int i = 0; i < widths[level]; i++) {
    sprintf(name, "directory-%d", i);
    must(mkdirat(dir, name, 0755) == 0, name);
    int below = openat(dir, name, O_RDONLY | O_DIRECTORY);
    must(below != -1, name);
    fill(below, level + 1);
    close(below);
  }
}

int main(int argc, char **argv) {
  must(argc >= 2 && argc <= 4, "tree-maker DIR [FILES [flat]]");
  if (argc > 2) files = atoi(argv[2]);
  int dir = open(argv[1], O_RDONLY | O_DIRECTORY);
  must(dir != -1, argv[1]);
  fill(dir, argc > 3 ? sizeof widths / sizeof *widths - 1 : 0);
}
