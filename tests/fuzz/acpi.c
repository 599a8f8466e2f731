/*
 * ACPI tables. The input is memory with the RSDP at its start. If its last byte is odd, every checksum is made right first:
 * a fuzzer seldom gets past one otherwise.
 *
 * Links: drivers/pc/acpi.c drivers/pc/acpi_aml.c
 */
#include "image.h"

#include <drivers/pc/acpi.h>

static void seal(size_t at, size_t bytes, size_t sum_at) {
    if (at + bytes > image_bytes || sum_at >= bytes)
        return;
    uint8_t sum = 0;
    image[at + sum_at] = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + image[at + i]);
    image[at + sum_at] = (uint8_t)-sum;
}

/* Whatever looks like the header of a table: four capitals or digits, then its length. */
static bool looks_like_table(size_t at, uint32_t *bytes) {
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = image[at + i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    memcpy(bytes, image + at + 4, 4);
    return *bytes >= 36 && *bytes <= image_bytes - at;
}

static void seal_all(void) {
    for (size_t at = 16; at + 36 <= image_bytes; at += 4) {
        uint32_t bytes;
        if (looks_like_table(at, &bytes))
            seal(at, bytes, 9);
    }
    seal(0, 20, 8);
    seal(0, 36, 32);
}

static const uint8_t *map(void *context, uint64_t physical, size_t bytes) {
    return image_map(context, physical, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    if (bytes == 0)
        return 0;
    image_set(data, bytes);
    if (data[bytes - 1] & 1)
        seal_all();
    static const struct fe_acpi_source source = {map, NULL, fuzz_complain};
    struct fe_acpi acpi;
    memset(&acpi, 0xaa, sizeof acpi);
    fe_status status = fe_acpi_read(&source, IMAGE_BASE, &acpi);
    fuzz_check(status <= FE_OK);
    fuzz_check(acpi.core_count <= FE_CORES_MAX && acpi.core_count <= acpi.cores_present);
    fuzz_check(acpi.ioapic_count <= FE_ACPI_IOAPICS_MAX);
    fuzz_check(memchr(acpi.oem, 0, sizeof acpi.oem) != NULL);
    for (unsigned i = 0; i < acpi.core_count; i++)
        for (unsigned j = 0; j < i; j++)
            fuzz_check(acpi.cores[i] != acpi.cores[j]);
    uint8_t *area = fuzz_copy(image, image_bytes);
    size_t at = fe_acpi_find_rsdp(area, image_bytes);
    fuzz_check(at == image_bytes || (at % 16 == 0 && at + FE_ACPI_RSDP_BYTES <= image_bytes));
    free(area);
    image_done();
    return 0;
}
