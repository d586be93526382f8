/* ctx_amd64: the switch, written from the System V x86-64 psABI (3.2.1 registers, 3.2.2 the
 * stack frame).
 *
 * A stack that does not run has this at its sp; what a callee may clobber is the compiler's to
 * save:
 *
 *       sp -> r15  r14  r13  r12  rbx  rbp  return address | the caller's frame
 *
 * MXCSR and the x87 control word are callee-saved in the psABI and are not saved here, as in
 * Go's gogo: nothing in the house changes rounding or exception masks, and saving them would
 * cost as much as all the rest.
 *
 * The last step is a jump and not a ret: the processor predicts a ret from its own stack of
 * calls, which after a switch is another coroutine's; an indirect jump is predicted from its
 * history. Measured hot: 2.4 ns with the jump, 11 ns with a ret. It is notrack because what
 * follows a call bears no endbr64. Shadow stacks (SHSTK) cannot follow a switch without help
 * from the kernel, so the note below claims IBT alone, and the loader leaves shadow stacks off. */
	.text

/* void ctx_swap(void **save, void *to) */
	.globl	ctx_swap
	.hidden	ctx_swap
	.type	ctx_swap, @function
	.p2align 4
ctx_swap:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp		/* both stacks have the same shape here, so the unwinding rules still hold */
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	notrack jmp *%rcx
	.cfi_endproc
	.size	ctx_swap, .-ctx_swap

/* Where a new stack begins: rsp is 16-byte aligned as at any call, r12 is the entry, r13 its
 * argument. The return address is undefined, which is how DWARF says that there is no caller:
 * gdb and backtrace() end here. */
	.type	ctx_boot, @function
	.p2align 4
ctx_boot:
	.cfi_startproc
	.cfi_undefined %rip
	endbr64
	movq	%r13, %rdi
	call	*%r12
	ud2				/* entry never returns */
	.cfi_endproc
	.size	ctx_boot, .-ctx_boot

/* void *ctx_frame(void *hi, void (*entry)(void *), void *arg): the sp of a stack whose first
 * switch runs ctx_boot. rbp is 0, where a debugger that follows frame pointers stops; 16 bytes
 * above stay free for ctx_boot's own frame. */
	.globl	ctx_frame
	.hidden	ctx_frame
	.type	ctx_frame, @function
	.p2align 4
ctx_frame:
	.cfi_startproc
	endbr64
	andq	$-16, %rdi
	leaq	-72(%rdi), %rax
	leaq	ctx_boot(%rip), %rcx
	movq	%rdx, 16(%rax)		/* r13 */
	movq	%rsi, 24(%rax)		/* r12 */
	movq	$0, 40(%rax)		/* rbp */
	movq	%rcx, 48(%rax)
	movq	$0, 56(%rax)
	movq	$0, 64(%rax)
	ret
	.cfi_endproc
	.size	ctx_frame, .-ctx_frame

	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0	/* GNU_PROPERTY_X86_FEATURE_1_AND: IBT */
	.section .note.GNU-stack, "", @progbits
