import "bun-butter/syscalls";
