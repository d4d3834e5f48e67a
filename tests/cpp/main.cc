// The tests' program. Options of doctest's, and --v8=FLAG for each flag that V8 is to have.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <string>

#include "host.hpp"

int main(int count, char** arguments) {
  host::start();
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument.rfind("--v8=", 0) == 0) v8snap::set_flag(argument.substr(5));
  }
  doctest::Context context(count, arguments);
  const int failed = context.run();
  return host::end() ? failed : 1;
}
