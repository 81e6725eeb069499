// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "app/commands.h"

int main(int count, char** arguments) {
  return tocsin::run_program(std::vector<std::string>(arguments + 1, arguments + count));
}
