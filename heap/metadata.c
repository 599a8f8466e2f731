/*
 * Memory for what describes memory: spans and batches, in pages of their own, apart from any block that a program could
 * overrun. A page holds items of one size and goes back to the page allocator when the last of them is freed.
 *
 * Everything under fe_heap_grants.lock. Invariant: a page is in its size's list exactly if it has a free item.
 */
#include "internal.h"
#include "page.h"

struct item {
    struct item *next;
};

struct page {
    struct page *next, *previous;
    struct item *free;
    uint16_t used;
    uint16_t size;  /* index into `sizes` */
    uint32_t fresh; /* offset of the first item that was never given out */
};

#define HEADER 64
_Static_assert(sizeof(struct page) <= HEADER, "header fits");

static const uint16_t sizes[] = {128, 256, 448, 576, FE_METADATA_MOST};
static struct page *partial[FE_ARRAY_LENGTH(sizes)];

struct fe_heap_grants fe_heap_grants;

static void link_page(struct page *page) {
    struct page **head = &partial[page->size];
    page->previous = NULL;
    page->next = *head;
    if (*head != NULL)
        (*head)->previous = page;
    *head = page;
}

static void unlink_page(struct page *page) {
    if (page->previous != NULL)
        page->previous->next = page->next;
    else
        partial[page->size] = page->next;
    if (page->next != NULL)
        page->next->previous = page->previous;
}

static bool is_full(const struct page *page) {
    return page->free == NULL && page->fresh + sizes[page->size] > FE_PAGE_SIZE;
}

static struct page *make_page(uint16_t size) {
    uint64_t physical = fe_page_alloc(0);
    if (physical == 0)
        return NULL;
    struct page *page = fe_direct(physical);
    *page = (struct page){.size = size, .fresh = HEADER};
    link_page(page);
    fe_heap_grants.metadata_pages++;
    return page;
}

void *fe_metadata_alloc(size_t bytes) {
    uint16_t size = 0;
    while (sizes[size] < bytes)
        size++;
    struct page *page = partial[size] != NULL ? partial[size] : make_page(size);
    if (page == NULL)
        return NULL;
    struct item *item = page->free;
    if (item != NULL) {
        page->free = item->next;
    } else {
        item = (struct item *)(void *)((char *)page + page->fresh);
        page->fresh += sizes[size];
    }
    page->used++;
    if (is_full(page))
        unlink_page(page);
    return item;
}

void fe_metadata_free(void *metadata) {
    struct page *page = (struct page *)((uintptr_t)metadata & ~(FE_PAGE_SIZE - 1));
    if (is_full(page))
        link_page(page);
    struct item *item = metadata;
    item->next = page->free;
    page->free = item;
    if (--page->used == 0) {
        unlink_page(page);
        fe_heap_grants.metadata_pages--;
        fe_page_free(fe_direct_physical(page), 0);
    }
}
