// SPDX-License-Identifier: Apache-2.0
#include "engine/flow/input.h"

namespace tocsin {

void Batch::clear() {
  number = 0;
  source.reset();
  ruleset.reset();
  geo.reset();
  received_at = 0;
  // `buffer` keeps its bytes: a worker reuses one batch for ever, and clearing a page that is read
  // into anyway costs.
  bytes = {};
  stream_offset = 0;
  lines = false;
  frames.clear();
  first_of_source = false;
  last_of_source = false;
  position.clear();
  claim_begin = 0;
  claim_end = 0;
  claim.reset();
}

}  // namespace tocsin
