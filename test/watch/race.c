/*
 * As fast as can be: race DIR NAME ROUNDS [delete] makes DIR/NAME-old-N with five directories below one another and a file in
 * each, renames it to DIR/NAME-new-N, writes one more file at its bottom, deletes all of it if it was told to, makes DIR/NAME-marker-N, and waits for a byte on stdin.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH = 6 };

static void touch(const char *directory, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1 || write(fd, "text", 4) != 4 || close(fd) == -1)
		exit(2);
}

/* Deletes the bottom at path and all above it, up to the top. */
static void delete_all(char *path, const char *last)
{
	char file[4096];
	for (int level = DEPTH; level > 0; level--) {
		snprintf(file, sizeof file, "%s/file", path);
		if (unlink(file) == -1)
			exit(6);
		snprintf(file, sizeof file, "%s/%s", path, last);
		if (level == DEPTH && unlink(file) == -1)
			exit(6);
		if (rmdir(path) == -1)
			exit(6);
		*strrchr(path, '/') = 0;
	}
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5)
		return 2;
	const char *dir = argv[1], *name = argv[2];
	for (int round = 0; round < atoi(argv[3]); round++) {
		char top[1024], moved[1024], path[2048], marker[1024], byte;
		snprintf(top, sizeof top, "%s/%s-old-%d", dir, name, round);
		snprintf(moved, sizeof moved, "%s/%s-new-%d", dir, name, round);
		snprintf(marker, sizeof marker, "%s-marker-%d", name, round);
		strcpy(path, top);
		for (int level = 0; level < DEPTH; level++) {
			if (level > 0)
				strcat(path, "/d");
			if (mkdir(path, 0755) == -1)
				return 3;
			touch(path, "file");
		}
		if (rename(top, moved) == -1)
			return 4;
		strcpy(path, moved);
		for (int level = 1; level < DEPTH; level++)
			strcat(path, "/d");
		touch(path, "last");
		if (argc == 5)
			delete_all(path, "last");
		touch(dir, marker);
		if (read(0, &byte, 1) != 1)
			return 5;
	}
	return 0;
}
