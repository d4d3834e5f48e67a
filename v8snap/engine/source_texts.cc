// Texts of scripts outside of V8's heap.
#include "source_texts.hpp"

#include <cstring>

#include "internal.hpp"
#include "v8snap/checksum.hpp"

namespace v8snap {

namespace {

constexpr size_t kLeastBytes = size_t{16} << 10;  // of a text that is worth a place

// Of what stands behind V8's blob, see blob_layout.py.
constexpr size_t kAlignment = 8;
constexpr uint32_t kTwoByte = uint32_t{1} << 31;
constexpr char kMagic[] = "\x89texts\n";   // with its zero
constexpr char kPartEnd[] = "\x89v8part";  // with its zero: the end of V8's part
constexpr size_t kChecksum = 8;            // where V8 has its own
constexpr size_t kChecksumStart = 12;      // and what that begins to cover

// A text as V8 wants it. Isolates borrow it: when V8 has no use for it any more, that is only noted.
template <class Base, class Unit>
class Resource final : public Base {
 public:
  Resource(const void* data, size_t bytes, bool* gone)
      : data_(static_cast<const Unit*>(data)), length_(bytes / sizeof(Unit)), gone_(gone) {}
  const Unit* data() const override { return data_; }
  size_t length() const override { return length_; }
  void Dispose() override { *gone_ = true; }

 private:
  const Unit* data_;
  size_t length_;
  bool* gone_;
};
using OneByte = Resource<v8::String::ExternalOneByteStringResource, char>;
using TwoByte = Resource<v8::String::ExternalStringResource, uint16_t>;

size_t padded(size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

template <class Number>
void put(char** at, Number number) {
  std::memcpy(*at, &number, sizeof number);
  *at += sizeof number;
}

uint32_t checksum_in(const char* blob) {
  uint32_t checksum = 0;
  std::memcpy(&checksum, blob + kChecksum, sizeof checksum);
  return checksum;
}

// V8's blob with kPartEnd at its end, and a checksum that covers that: V8 takes no notice of it, and by itself it is
// known as a part.
void make_part(char* at, const v8::StartupData& blob) {
  const auto size = static_cast<size_t>(blob.raw_size);
  std::memcpy(at, blob.data, size);
  std::memset(at + size, 0, padded(size) - size);
  std::memcpy(at + padded(size), kPartEnd, sizeof kPartEnd);
  const auto* covered = reinterpret_cast<const unsigned char*>(at) + kChecksumStart;
  for (auto* algorithm : {&adler32_from_zero, &fletcher32}) {
    if (algorithm(covered, size - kChecksumStart) != checksum_in(at)) continue;
    const uint32_t checksum = algorithm(covered, padded(size) + sizeof kPartEnd - kChecksumStart);
    std::memcpy(at + kChecksum, &checksum, sizeof checksum);
    return;
  }
  throw Error(ErrorCode::kInternal, "V8's checksum of its blob is none that v8snap knows");
}

}  // namespace

SourceTexts::SourceTexts(const std::vector<SourceText>& of_blob, size_t room) {
  const intptr_t* own = external_reference_table();
  references_.assign(own, own + kFirstText);
  references_.resize(kFirstText + of_blob.size() + room + 1);
  texts_.resize(of_blob.size());
  for (size_t place = 0; place < of_blob.size(); ++place) set(place, of_blob[place], {});
}

void SourceTexts::set(size_t place, const SourceText& given, PyRef owner) {
  Text& text = texts_[place];
  text.text = given;
  text.owner = std::move(owner);
  text.gone = false;
  intptr_t reference = 0;
  if (given.two_byte) {
    const void* data = given.data;
    if (reinterpret_cast<uintptr_t>(data) % alignof(uint16_t) != 0) {
      text.copy.resize(given.size / sizeof(uint16_t));
      std::memcpy(text.copy.data(), given.data, given.size);
      data = text.copy.data();
    }
    auto resource = std::make_unique<TwoByte>(data, given.size, &text.gone);
    reference = reinterpret_cast<intptr_t>(static_cast<v8::String::ExternalStringResource*>(resource.get()));
    text.resource = std::move(resource);
  } else {
    auto resource = std::make_unique<OneByte>(given.data, given.size, &text.gone);
    reference = reinterpret_cast<intptr_t>(static_cast<v8::String::ExternalOneByteStringResource*>(resource.get()));
    text.resource = std::move(resource);
  }
  references_[kFirstText + place] = reference;
}

size_t SourceTexts::find_place() const {
  const auto found = std::find_if(texts_.begin(), texts_.end(), [](const Text& text) { return text.is_free(); });
  return static_cast<size_t>(found - texts_.begin());
}

v8::Local<v8::String> SourceTexts::add(v8::Isolate* isolate, PyObject* source) {
  const auto length = static_cast<size_t>(PyUnicode_GET_LENGTH(source));
  const bool two_byte = PyUnicode_KIND(source) == PyUnicode_2BYTE_KIND;
  const size_t size = length * PyUnicode_KIND(source);
  const bool fits = PyUnicode_KIND(source) != PyUnicode_4BYTE_KIND && length <= v8::String::kMaxLength;
  if (!fits || size < kLeastBytes) return string_from_python(isolate, source);
  const size_t place = find_place();
  if (kFirstText + place + 1 >= references_.size()) return string_from_python(isolate, source);
  if (place == texts_.size()) texts_.emplace_back();
  set(place, {static_cast<const char*>(PyUnicode_DATA(source)), size, two_byte}, PyRef::borrow(source));
  v8::String::ExternalStringResourceBase* resource = texts_[place].resource.get();
  // It can fail of nothing but its length.
  return (two_byte ? v8::String::NewExternalTwoByte(isolate, static_cast<v8::String::ExternalStringResource*>(resource))
                   : v8::String::NewExternalOneByte(isolate,
                                                    static_cast<v8::String::ExternalOneByteStringResource*>(resource)))
      .ToLocalChecked();
}

size_t SourceTexts::borrowed_bytes() const {
  size_t bytes = 0;
  for (const Text& text : texts_) bytes += text.owner || text.gone ? 0 : text.text.size;
  return bytes;
}

PyRef SourceTexts::join(const v8::StartupData& blob) const {
  const size_t v8_size = padded(static_cast<size_t>(blob.raw_size)) + sizeof kPartEnd;
  size_t count = texts_.size();
  while (count > 0 && texts_[count - 1].is_free()) --count;
  if (count == 0) return checked(PyBytes_FromStringAndSize(blob.data, blob.raw_size));
  const auto size_of = [](const Text& text) { return text.is_free() ? 0 : text.text.size; };
  size_t size = v8_size;
  for (size_t place = 0; place < count; ++place) size += padded(size_of(texts_[place]));
  size += count * sizeof(uint32_t) + 2 * sizeof(uint32_t) + sizeof(uint64_t) + sizeof kMagic;
  PyRef whole = checked(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  char* const begin = PyBytes_AS_STRING(whole.get());
  make_part(begin, blob);
  char* at = begin + v8_size;
  for (size_t place = 0; place < count; ++place) {
    const size_t bytes = size_of(texts_[place]);
    if (bytes > 0) std::memcpy(at, texts_[place].text.data, bytes);
    std::memset(at + bytes, 0, padded(bytes) - bytes);
    at += padded(bytes);
  }
  for (size_t place = 0; place < count; ++place) {
    put(&at, static_cast<uint32_t>(size_of(texts_[place])) | (texts_[place].text.two_byte ? kTwoByte : 0));
  }
  put(&at, static_cast<uint32_t>(count));
  const auto* behind = reinterpret_cast<unsigned char*>(begin + v8_size);
  put(&at, checksum_in(begin) ^ adler32_from_zero(behind, static_cast<size_t>(at - begin) - v8_size));
  put(&at, static_cast<uint64_t>(v8_size));
  std::memcpy(at, kMagic, sizeof kMagic);
  return whole;
}

}  // namespace v8snap
