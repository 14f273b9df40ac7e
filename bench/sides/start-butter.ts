import "bun-butter";
