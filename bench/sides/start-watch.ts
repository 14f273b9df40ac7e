import "bun-butter/watch";
