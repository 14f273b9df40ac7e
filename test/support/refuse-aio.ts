/** To be preloaded: a process, with all that it starts, in which the kernel has no asynchronous I/O. */
import { refuse } from "./seccomp.ts";

refuse("io_setup", "ENOSYS");
process.env["BUTTER_TEST_WITHOUT_AIO"] = "1";
