/* fanotify-opener DIR COUNT: opens and closes a file, again and again, and prints how long each time took, in ns. */
#include "common.h"

/* Not counted: every side has code to compile, and the threads that do it want the processor too. */
#define WARMUP 20000

int main(int argc, char **argv) {
  must(argc == 3 && chdir(argv[1]) == 0, "fanotify-opener DIR COUNT");
  int count = atoi(argv[2]);
  int *times = malloc(count * sizeof *times);
  must(close(open("file", O_CREAT | O_WRONLY, 0644)) == 0, "file");
  double cpu = 0;
  for (int i = -WARMUP; i < count; i++) {
    if (i == 0) cpu = cpu_ms();
    long long from = now_ns();
    must(close(open("file", O_RDONLY)) == 0, "file");
    if (i >= 0) times[i] = now_ns() - from;
  }
  printf("{\"cpu\":%.3f,\"times\":[", cpu_ms() - cpu);
  for (int i = 0; i < count; i++) printf("%s%d", i ? "," : "", times[i]);
  puts("]}");
}
