import "bun-butter/system";
