/** An empty program, to compare with. */
void 0;
