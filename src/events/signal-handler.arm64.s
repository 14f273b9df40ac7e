// The handler of Signalfd for arm64, position-independent. signal-handler-code.ts has its bytes;
// a test assembles it again and compares.
//
// Called by the kernel, which restores every register afterwards, or at the end of a handler that has
// replaced this one and remembers it: so only what a function may change is changed. A syscall changes
// x0, and libc's errno is never touched.

    .set SYS_write, 64
    .set SYS_kill, 129
    .set SYS_tgkill, 131
    .set SYS_rt_sigaction, 134
    .set SYS_rt_sigqueueinfo, 138
    .set SYS_getpid, 172

    .set siginfo_size, 128
    .set si_signo, 0                // in siginfo_t
    .set ESRCH, 3
    .set EBADF, 9
    .set EPIPE, 32
    .set GIVEN_BACK, -1

    .set data, forward + 0x10000    // behind the code, on pages of its own
    .set data_active, 0             // how many threads are between the first line and the last
    .set data_fds, 64               // for each signal a descriptor, or GIVEN_BACK
    .set data_lost, 512             // for each signal how often there was no room
    .set data_owner, 1024           // the thread that reads
    .set data_saved, 4096           // for each signal what is there instead of this: libc's struct sigaction
    .set saved_size, 152
    .set saved_mask, 8
    .set saved_flags, 136

    .set sigset_size, 8
    .set SA_SIGINFO, 4
    .set SA_RESTORER, 0x04000000

    .set sa_handler, 0              // on the stack: the kernel's struct sigaction
    .set sa_flags, 8
    .set sa_mask, 24
    .set frame_size, 32

    .text

// Writes the siginfo_t of a signal into the pipe that takes it.
// w0: signal, x1: siginfo_t *, x2: ucontext_t *
    .globl forward
forward:
self:                               // the address of a global symbol would be left to a linker
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
    // x17, who calls: 0 for the kernel, which has a handler return to the end of it.
    ldr x13, [x30]
    ldr x14, return
    sub x17, x13, x14
    cbnz x17, 1f
    mov x13, sp
    cmp x11, x13
    b.eq 1f
    // Installed without SA_SIGINFO, which Bun does for a moment: there is room for a siginfo_t where
    // the frame begins, and nothing in it. So the signal comes without who sent it.
    mov x11, x13
    mov w14, #siginfo_size / 16
0:  stp xzr, xzr, [x13], #16
    subs w14, w14, #1
    b.ne 0b
    str w10, [x11, #si_signo]

    // A Worker that was terminated reads nothing any more.
1:  mov x8, #SYS_getpid
    svc #0
    ldr w1, [x9, #data_owner]
    mov w2, wzr
    mov x8, #SYS_tgkill
    svc #0
    cmn x0, #ESRCH
    b.eq 3f

    add x15, x9, #data_fds
    add x15, x15, x10, lsl #2
    ldr w14, [x15]
    tbnz w14, #31, 3f
    mov w0, w14
    mov x1, x11
    mov x2, #siginfo_size
    mov x8, #SYS_write
    svc #0
    cmp x0, #siginfo_size
    b.eq 5f
    cmn x0, #EBADF
    b.eq 2f
    cmn x0, #EPIPE
    b.eq 2f
    add x15, x9, #data_lost
    add x15, x15, x10, lsl #2
0:  ldaxr w13, [x15]
    add w13, w13, #1
    stlxr w14, w13, [x15]
    cbnz w14, 0b
    b 5f

    // Closed behind our back. Unless it is another one by now, that was all.
2:  mov w16, #GIVEN_BACK
0:  ldaxr w13, [x15]
    cmp w13, w14
    b.ne 3f
    stlxr w13, w16, [x15]
    cbnz w13, 0b

    // Given back. Whoever has replaced this has handled it; and called by the kernel, the process gets it
    // again, for what is there instead of this by now, ...
3:  cbnz x17, 5f
    sub sp, sp, #frame_size
    str xzr, [sp, #sa_handler]
    mov w0, w10
    mov x1, xzr
    mov x2, sp
    mov x3, #sigset_size
    mov x8, #SYS_rt_sigaction
    svc #0
    adr x13, self
    ldr x14, [sp, #sa_handler]
    cmp x13, x14
    b.ne 4f
    // ... which is not this, should somebody have put this back.
    mov w14, #saved_size
    madd x13, x10, x14, x9
    add x13, x13, #data_saved
    ldr x14, [x13]
    ldr w15, [sp, #sa_flags]
    // Bun puts it back without SA_SIGINFO, after what it does when its last listener is gone: SIG_DFL.
    tst w15, #SA_SIGINFO
    csel x14, x14, xzr, ne
    str x14, [sp, #sa_handler]
    ldr x14, [x13, #saved_mask]
    str x14, [sp, #sa_mask]
    ldr w14, [x13, #saved_flags]
    and w15, w15, #SA_RESTORER
    orr w14, w14, w15
    str w14, [sp, #sa_flags]
    mov w0, w10
    mov x1, sp
    mov x2, xzr
    svc #0

4:  add sp, sp, #frame_size
    mov x8, #SYS_getpid
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

    // mov x8, #SYS_rt_sigreturn; svc #0
    .balign 8
return:
    .quad 0xd4000001d2801168
