/*
 * The pages of WAL, as src/include/access/xlog_internal.h of Postgres has them. The first one of a
 * segment begins with a `XLogLongPageHeaderData`:
 *   0 xlp_magic u16 · 2 xlp_info u16 · 4 xlp_tli u32 · 8 xlp_pageaddr u64 · 16 xlp_rem_len u32
 *   24 xlp_sysid u64 · 32 xlp_seg_size u32 · 36 xlp_xlog_blcksz u32.
 * The others have the first five of these, and what aligns them to eight bytes.
 */

export const PAGE_BYTES = 8192;
export const SHORT_HEADER_BYTES = 24;
export const LONG_HEADER_BYTES = 40;

/** XLP_LONG_HEADER in xlp_info. */
export const IS_LONG_HEADER = 0x0002;
/** XLP_FIRST_IS_OVERWRITE_CONTRECORD in xlp_info: a crash cut short the record that goes on here. */
export const FIRST_IS_OVERWRITE = 0x0008;
