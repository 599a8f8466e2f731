/* The one thing that is read out of ACPI's byte code. */
#ifndef FERRITE_DRIVERS_PC_ACPI_AML_H
#define FERRITE_DRIVERS_PC_ACPI_AML_H

#include <ferrite/base.h>

/* Finds Name(_S5_, Package() { a, b, ... }) in `bytes` bytes of byte code. */
bool fe_acpi_aml_s5(const uint8_t *code, size_t bytes, uint8_t *a, uint8_t *b);

#endif
