#!/bin/sh
# embed.sh FILE... : prints an assembler source with each file's bytes, a NUL after it, and the table of embedded.c. A
# workload keeps the name that scenarios know, workloads/NAME.json, whatever folder of the sources it lies in.
printf '.section .note.GNU-stack,"",%%progbits\n.section .rodata\n'
n=0
for f; do
    case $f in workloads/*) name=workloads/${f##*/} ;; *) name=$f ;; esac
    printf '.Lp%d: .asciz "%s"\n.Lb%d: .incbin "%s"\n.Le%d: .byte 0\n' $n "$name" $n "$f" $n
    n=$((n + 1))
done
printf '.section .data.rel.ro,"aw"\n.balign 8\n.globl kw_embedded_rows\nkw_embedded_rows:\n'
i=0
while [ $i -lt $n ]; do
    printf '.quad .Lp%d, .Lb%d, .Le%d\n' $i $i $i
    i=$((i + 1))
done
printf '.quad 0, 0, 0\n'
