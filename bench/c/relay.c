/* Moves stdin to stdout, 64 KiB at a time. */
#include <unistd.h>

static char buffer[65536];

int main(void) {
  for (;;) {
    ssize_t count = read(0, buffer, sizeof buffer);
    if (count <= 0) return count < 0;
    for (ssize_t at = 0; at < count;) {
      ssize_t written = write(1, buffer + at, count - at);
      if (written < 0) return 1;
      at += written;
    }
  }
}
