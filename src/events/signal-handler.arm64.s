// The handler of Signalfd for arm64, position-independent. signal-handler-code.ts has its bytes;
// a test assembles it again and compares.
//
// The kernel restores every register when a handler returns, so all may be used. A syscall changes
// x0, and libc's errno is never touched.

    .set SYS_write, 64
    .set SYS_kill, 129
    .set SYS_rt_sigqueueinfo, 138
    .set SYS_getpid, 172

    .set siginfo_size, 128
    .set si_signo, 0                // in siginfo_t
    .set EAGAIN, 11
    .set GIVEN_BACK, -1
    .set BROKEN, -2

    .set data, forward + 0x10000    // behind the code, on pages of its own
    .set data_active, 0             // how many threads are between the first line and the last
    .set data_fds, 64               // for each signal a descriptor, GIVEN_BACK or BROKEN
    .set data_lost, 512             // for each signal how often there was no room

    .text

// Writes the siginfo_t of a signal into the pipe that takes it.
// w0: signal, x1: siginfo_t *, x2: ucontext_t *
    .globl forward
forward:
    adr x9, data
    mov w10, w0
    mov x11, x1
    // Before the look for the descriptor, which is not closed until this is 0 again.
    add x12, x9, #data_active
0:  ldaxr w13, [x12]
    add w13, w13, #1
    stlxr w14, w13, [x12]
    cbnz w14, 0b
    dmb ish
    mov x13, sp
    cmp x11, x13
    b.eq 1f
    // Installed without SA_SIGINFO, which Bun does for a moment: there is room for a siginfo_t where
    // the frame begins, and nothing in it. So the signal comes without who sent it.
    mov x11, x13
    mov x1, x13
    mov w14, #siginfo_size / 16
0:  stp xzr, xzr, [x13], #16
    subs w14, w14, #1
    b.ne 0b
    str w10, [x11, #si_signo]

1:  add x15, x9, #data_fds
    add x15, x15, x10, lsl #2
    ldr w0, [x15]
    tbnz w0, #31, 2f
    mov x2, #siginfo_size
    mov x8, #SYS_write
    svc #0
    cmp x0, #siginfo_size
    b.eq 5f
    cmn x0, #EAGAIN
    b.eq 3f
    // Whoever closed it behind our back may have made SIGPIPE of this. Once is enough.
    mov w13, #BROKEN
    str w13, [x15]
    b 3f

2:  cmn w0, #-GIVEN_BACK
    b.eq 4f
3:  add x15, x9, #data_lost
    add x15, x15, x10, lsl #2
0:  ldaxr w13, [x15]
    add w13, w13, #1
    stlxr w14, w13, [x15]
    cbnz w14, 0b
    b 5f

    // Given back a moment ago: the process gets it again, for what is there instead of this by now.
4:  mov x8, #SYS_getpid
    svc #0
    mov w13, w0
    mov w1, w10
    mov x2, x11
    mov x8, #SYS_rt_sigqueueinfo
    svc #0
    cbz w0, 5f
    // Only the main thread may say that it was kill(2) or the kernel; so without who sent it.
    mov w0, w13
    mov x8, #SYS_kill
    svc #0

5:  ldaxr w13, [x12]
    sub w13, w13, #1
    stlxr w14, w13, [x12]
    cbnz w14, 5b
    ret
