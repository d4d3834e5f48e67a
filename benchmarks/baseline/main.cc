// Answers requests, one a line, until its input ends: what was measured, as a line of JSON.
#include <cstdio>
#include <iostream>
#include <sstream>

#include "baseline.hpp"

namespace baseline {

namespace {

Answer version(const Arguments&) { return {{}, v8::V8::GetVersion()}; }

const std::map<std::string, Work> kWorks = {
    {"version", version},
    {"start", start},
    {"fresh_context", fresh_context},
    {"build", build},
    {"call", call},
    {"locked_call", locked_call},
    {"callback", callback},
    {"get", get},
    {"set", set},
    {"string_in", string_in},
    {"string_out", string_out},
    {"array_in", array_in},
    {"array_out", array_out},
    {"memory", memory},
    {"contexts", contexts},
    {"spin", spin},
};

std::string json_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string as_json(const Answer& answer) {
  std::ostringstream out;
  out << "{\"counts\": {";
  for (size_t i = 0; i < answer.counts.size(); ++i) {
    out << (i == 0 ? "" : ", ") << json_string(answer.counts[i].first) << ": " << answer.counts[i].second;
  }
  out << "}, \"result\": " << json_string(answer.result) << "}";
  return out.str();
}

}  // namespace

Arguments::Arguments(const std::string& line) {
  std::istringstream words(line);
  std::getline(words, work_, '\t');
  std::string word;
  while (std::getline(words, word, '\t')) {
    const size_t equals = word.find('=');
    values_[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
}

const std::string& Arguments::text(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) fail("the request lacks " + key);
  return found->second;
}

std::string Arguments::text_or(const std::string& key, const std::string& other) const {
  const auto found = values_.find(key);
  return found == values_.end() ? other : found->second;
}

int Arguments::number(const std::string& key) const { return std::stoi(text(key)); }

}  // namespace baseline

int main() {
  using namespace baseline;
  std::string line;
  while (std::getline(std::cin, line)) {
    const Arguments arguments(line);
    const auto found = kWorks.find(arguments.work());
    if (found == kWorks.end()) fail("no such work: " + arguments.work());
    std::cout << as_json(found->second(arguments)) << std::endl;
  }
  std::cout.flush();
  std::_Exit(0);  // V8's threads are left as they are, as in v8snap
}
