/* ctx_arm64: the switch, written from AAPCS64 (6.1.1 general registers, 6.1.2 SIMD registers,
 * 6.4.5 the stack).
 *
 * A stack that does not run has this at its sp, 160 bytes:
 *
 *       sp -> x29 x30 | x19 x20 ... x27 x28 | d8 d9 ... d14 d15 | the caller's frame
 *
 * Of v8 to v15 only the low halves are callee-saved. FPCR is not saved, as in Go's gogo: nothing
 * in the house changes it. x18 belongs to the platform and is left alone. x30 may be signed by
 * its owner; it is moved, never looked at. The end is a ret: a br to a return address would need
 * a landing pad there under BTI. */
	.text

/* void ctx_swap(void **save, void *to) */
	.globl	ctx_swap
	.hidden	ctx_swap
	.type	ctx_swap, %function
	.p2align 4
ctx_swap:
	.cfi_startproc
	hint	#34			/* bti c; a nop before armv8.5 */
	stp	x29, x30, [sp, #-160]!
	.cfi_adjust_cfa_offset 160
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x19, x20, [sp, #16]
	.cfi_rel_offset x19, 16
	.cfi_rel_offset x20, 24
	stp	x21, x22, [sp, #32]
	.cfi_rel_offset x21, 32
	.cfi_rel_offset x22, 40
	stp	x23, x24, [sp, #48]
	.cfi_rel_offset x23, 48
	.cfi_rel_offset x24, 56
	stp	x25, x26, [sp, #64]
	.cfi_rel_offset x25, 64
	.cfi_rel_offset x26, 72
	stp	x27, x28, [sp, #80]
	.cfi_rel_offset x27, 80
	.cfi_rel_offset x28, 88
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1			/* both stacks have the same shape here, so the unwinding rules still hold */
	ldp	d14, d15, [sp, #144]
	ldp	d12, d13, [sp, #128]
	ldp	d10, d11, [sp, #112]
	ldp	d8, d9, [sp, #96]
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #160
	.cfi_def_cfa sp, 0
	.cfi_same_value x19
	.cfi_same_value x20
	.cfi_same_value x21
	.cfi_same_value x22
	.cfi_same_value x23
	.cfi_same_value x24
	.cfi_same_value x25
	.cfi_same_value x26
	.cfi_same_value x27
	.cfi_same_value x28
	.cfi_same_value x29
	.cfi_same_value x30
	ret
	.cfi_endproc
	.size	ctx_swap, .-ctx_swap

/* Where a new stack begins: x19 is the entry, x20 its argument. The return address is undefined,
 * which is how DWARF says that there is no caller: gdb and backtrace() end here. */
	.type	ctx_boot, %function
	.p2align 4
ctx_boot:
	.cfi_startproc
	.cfi_undefined x30
	hint	#34
	mov	x0, x20
	blr	x19
	brk	#1			/* entry never returns */
	.cfi_endproc
	.size	ctx_boot, .-ctx_boot

/* void *ctx_frame(void *hi, void (*entry)(void *), void *arg): the sp of a stack whose first
 * switch runs ctx_boot. x29 is 0, where a debugger that follows frame records stops. */
	.globl	ctx_frame
	.hidden	ctx_frame
	.type	ctx_frame, %function
	.p2align 4
ctx_frame:
	.cfi_startproc
	hint	#34
	and	x0, x0, #-16
	sub	x0, x0, #160
	adr	x9, ctx_boot
	stp	xzr, x9, [x0]
	stp	x1, x2, [x0, #16]
	ret
	.cfi_endproc
	.size	ctx_frame, .-ctx_frame

	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000000, 4, 1, 0	/* GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI */
	.section .note.GNU-stack, "", %progbits
