// SPDX-License-Identifier: Apache-2.0
// The codes of diagnostics about tocsin.yaml and files that it names, each with what it means, for
// `tocsin check --explain`. Codes that rules have too (unknown-key, correlation-option, those of
// YAML) stand in rules/codes.h. Thread rule: constants.
#pragma once

#include "rules/codes.h"

namespace tocsin {

inline constexpr DiagnosticCode config_codes[] = {
    {"config-value", "The value of a key in the configuration is not what the key takes."},
    {"config-version", "This program reads version 1 of the configuration."},
    {"config-documents", "A configuration file holds one YAML document; a second one is refused."},
    {"config-empty", "The configuration file holds nothing."},
    {"config-input", "An input needs paths, and an id that no other input has."},
    {"config-logsource",
     "A row of `logsources` names a field of the record, its values and the log source of such "
     "records."},
    {"no-input",
     "No configured input can have records of the rules' log source, so they can never match."},
    {"config-receiver",
     "A receiver needs a name of its own and exactly one kind of sink with exactly one URL."},
    {"config-header",
     "A header that breaks the request, or that tocsin sets itself, cannot be configured."},
    {"config-route", "A route names the receiver that its alerts go to."},
    {"config-heartbeat", "The heartbeat needs exactly one URL."},
    {"config-override", "An override names its rules by exactly one of id, title and tag."},
    {"unknown-receiver", "A route or an override names a receiver that the configuration lacks."},
    {"missing-secret",
     "The environment variable or the file that should hold a secret is not there or empty."},
    {"readable-secret",
     "A secret stands in a configuration file that other users of the system can read."},
    {"unreadable-list", "The file with the values of a placeholder cannot be read."},
};

}  // namespace tocsin
