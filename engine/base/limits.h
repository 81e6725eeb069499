// SPDX-License-Identifier: Apache-2.0
// Every limit of tocsin, with its reason. Crossing one is an error with a name and has a test.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tocsin::limits {

// --- records ---
// A CloudTrail event is at most 256 KB (AWS); other logs are larger. Beyond: dead-lettered as
// "oversized".
inline constexpr std::size_t record_bytes_max = 4u << 20;
// What a reader remembers of how records are built (a kilobyte for each way): past it everything is
// forgotten and learned anew. Most logs have some hundred ways.
inline constexpr std::size_t shape_bytes_max = 1u << 20;
// Beyond this depth an object or array is kept as raw text; simdjson refuses at 1,024.
inline constexpr std::size_t json_depth_max = 1024;
// Envelopes in envelopes: SNS in EventBridge in CloudWatch Logs leaves one to spare.
inline constexpr std::size_t envelope_depth_max = 4;
// Bytes of a batch: large enough to amortise hand-over, small enough for the second-level cache.
inline constexpr std::size_t batch_bytes = 1u << 20;
// Bytes readable behind a record's end: vector code reads whole blocks.
inline constexpr std::size_t padding_bytes = 64;

// --- compressed input (bombs) ---
inline constexpr std::uint64_t decompressed_bytes_max = 1ull << 30;
inline constexpr std::uint64_t decompress_ratio_max = 1000;
// Files up to this size are inflated whole; larger ones stream.
inline constexpr std::size_t inflate_whole_bytes_max = 16u << 20;

// --- rules ---
inline constexpr std::size_t rule_file_bytes_max = 4u << 20;
inline constexpr std::size_t rule_values_max = 200'000;
// What the values of a detection become by placeholders, dashes and encodings: predicates and bytes
// in all, and bytes of one value on its way. Modifiers of a key: each encoding makes a value
// longer.
inline constexpr std::size_t rule_alternatives_max = 1'000'000;
inline constexpr std::size_t rule_text_bytes_max = 64u << 20;
inline constexpr std::size_t value_bytes_max = 16u << 20;
inline constexpr std::size_t modifiers_max = 32;
inline constexpr std::size_t yaml_depth_max = 64;
inline constexpr std::size_t yaml_nodes_max =
    1'000'000;  // aliases followed, a long text counted as many: alias bombs end here
inline constexpr std::size_t condition_depth_max = 256;
// Each pattern of a condition is compared with each selection, and stands for all of them at worst:
// the products stay near 10^7. A rule's list of conditions has a bound of its own.
inline constexpr std::size_t condition_words_max = 10'000;
inline constexpr std::size_t selections_max = 1'000;
inline constexpr std::size_t conditions_max = 1'000;
inline constexpr std::size_t conditions_bytes_max = 128u << 10;
// Of a detection that is wrong all over, the first problems are enough; a hostile one has a mistake
// every ten bytes.
inline constexpr std::size_t detection_problems_max = 100;
// A longer line is not quoted in diagnostics: each of them would hold a copy.
inline constexpr std::size_t quoted_line_bytes_max = 16u << 10;
// Processing pipelines may multiply what a rule holds: items of all files; and for each rule the
// conditions, items and values looked at, and the bytes of further values.
inline constexpr std::size_t pipeline_items_max = 10'000;
inline constexpr std::size_t pipeline_steps_max = 5'000'000;
inline constexpr std::size_t pipeline_bytes_max = 16u << 20;
// Each row of the field table costs a look-up per record that is no CloudTrail record, and its log
// source a candidate index.
inline constexpr std::size_t source_rows_max = 64;
inline constexpr std::size_t regex_memory_bytes_max = 8u << 20;
inline constexpr std::size_t regex_pattern_bytes_max = 64u << 10;

// --- output ---
inline constexpr std::size_t dead_letter_file_bytes_max = 64u << 20;
inline constexpr std::size_t dead_letter_record_bytes_max = 4u << 10;
inline constexpr std::size_t alert_events_first = 3;
inline constexpr std::size_t alert_events_last = 7;
inline constexpr std::size_t deliveries_in_memory_max = 100'000;

// --- state ---
// A group's value or a counted one that is longer is kept as its beginning and a hash: state stays
// bounded per key.
inline constexpr std::size_t detector_text_bytes_max = 1024;
inline constexpr std::size_t duplicate_ids_max = 2'000'000;
// Files that `tocsin learn` went through, so that it goes through each once: five-minute files of
// some years.
inline constexpr std::size_t learned_streams_max = 1'000'000;
// Records that reports of stateful detectors may still name: past it the oldest are named no more.
inline constexpr std::size_t detector_records_bytes_max = 256u << 20;
// What a scan keeps in memory until it can be sorted by time: past it, sorted runs on disk.
inline constexpr std::size_t detector_held_bytes_max = 512u << 20;
// Events that wait for the watermark (`emit: watermark`) per rule: past it the oldest are decided
// early.
inline constexpr std::size_t detector_waiting_max = 1'000'000;

}  // namespace tocsin::limits
