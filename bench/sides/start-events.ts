import "bun-butter/events";
