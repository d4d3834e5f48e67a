// Run at configure time: prints the library's version, fails where the headers are another version's.
#include <v8.h>

#include <cstdio>
#include <cstring>
#include <string>

int main() {
  const std::string headers = std::to_string(V8_MAJOR_VERSION) + "." + std::to_string(V8_MINOR_VERSION) + "." +
                              std::to_string(V8_BUILD_NUMBER) +
                              (V8_PATCH_LEVEL > 0 ? "." + std::to_string(V8_PATCH_LEVEL) : "");
  const char* library = v8::V8::GetVersion();
  std::puts(library);
  // The library may add an embedder's suffix such as "-node.37", which no installed header holds.
  const char* rest = library + headers.size();
  if (std::strncmp(library, headers.c_str(), headers.size()) == 0 && (*rest == '\0' || *rest == '-')) {
    return 0;
  }
  std::fprintf(stderr, "headers are V8 %s, the library is V8 %s\n", headers.c_str(), library);
  return 1;
}
