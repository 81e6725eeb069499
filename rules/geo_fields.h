// SPDX-License-Identifier: Apache-2.0
// Derived fields that only a MaxMind database can fill: a rule that reads one where no database is
// configured could never fire, so it is refused (DETECTION.md, "Derived fields"). Thread rule: pure
// functions. Cost: O(size of the rule).
#pragma once

#include "engine/event/geo.h"
#include "rules/ast.h"
#include "rules/problems.h"
#include "rules/yaml.h"

namespace tocsin {

// Each item of the detection that reads such a field which the databases (`known`) do not give, or
// names one as the value of `fieldref`, is an error.
void refuse_geo_fields(const Detection& detection, const GeoFields& known, Problems& problems);

// Each value below `correlation` (group-by, field, aliases ...) that names such a field is one.
void refuse_geo_fields(const YamlNode& correlation, const GeoFields& known, Problems& problems);

}  // namespace tocsin
