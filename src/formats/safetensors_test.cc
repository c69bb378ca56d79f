#include "formats/safetensors.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

constexpr std::string_view kGood =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
    R"("a":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},"s":{"dtype":"I64","shape":[],"data_offsets":[22,30]},)"
    R"("none":{"dtype":"F16","shape":[4,0],"data_offsets":[30,30]}}  )";
constexpr std::size_t kGoodData = 30;

/// A file: the length of the header, the header, that many bytes of data.
std::string File(std::string_view header, std::size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  file += header;
  for (std::size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

Result<SafetensorsFile> Parse(std::string_view file) {
  return SafetensorsFile::Parse(std::as_bytes(std::span(file)), "x.safetensors");
}

/// The error's text; "" when it parses.
std::string ErrorOf(std::string_view file) {
  const auto parsed = Parse(file);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code(), ErrorCode::kCorrupt);
  return parsed.error().ToString();
}

TEST(Safetensors, ReadsTensorsAndMetadata) {
  const std::string bytes = File(kGood, kGoodData);
  const auto file = Parse(bytes);
  ASSERT_TRUE(file) << file.error().ToString();
  ASSERT_EQ(file->tensors().size(), 4U);
  EXPECT_EQ(file->tensors()[0].name, "a");  // sorted
  EXPECT_EQ(file->metadata().at("format"), "pt");
  const SafetensorsTensor* b = file->Find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->data.data(), std::as_bytes(std::span(bytes)).data() + 8 + kGood.size());
  const auto view = file->View(*b);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->dtype, DType::kF32);
  EXPECT_EQ(view->shape, (Shape{2, 2}));
  EXPECT_EQ(view->data.size(), 16U);
  EXPECT_EQ(file->View(*file->Find("s"))->shape.elements(), 1);
  EXPECT_EQ(file->Find("c"), nullptr);
}

TEST(Safetensors, TypesWithoutAnEquivalentHurtOnlyWhoWantsThem) {
  const std::string bytes = File(R"({"f8":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},)"
                                 R"("new":{"dtype":"F3","shape":[9],"data_offsets":[2,6]},)"
                                 R"("f4":{"dtype":"F4","shape":[4],"data_offsets":[6,8]}})",
                                 8);
  const auto file = Parse(bytes);
  ASSERT_TRUE(file) << file.error().ToString();
  for (const char* name : {"f8", "new", "f4"}) {
    const auto view = file->View(*file->Find(name));
    ASSERT_FALSE(view);
    EXPECT_EQ(view.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(view.error().ToString().find(fmt::format("x.safetensors: tensor {}: ", name)), std::string::npos);
  }
}

TEST(Safetensors, TruncatedAnywhereIsAnErrorThatNamesTheFile) {
  const std::string whole = File(kGood, kGoodData);
  ASSERT_EQ(ErrorOf(whole), "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);  // its own memory: ASan sees a read past the end
    ASSERT_TRUE(ErrorOf(cut).starts_with("x.safetensors: ")) << size << ": " << ErrorOf(cut);
  }
}

TEST(Safetensors, AnyByteMayBeWrong) {
  const std::string whole = File(kGood, kGoodData);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char value : {'\x00', '"', '}', '9', '\x7F', '\xFF'}) {
      std::string changed = whole;
      changed[at] = value;
      ErrorOf(changed);  // an error or a file: what matters is that nothing outside is read (ASan watches)
    }
  }
}

TEST(Safetensors, NamesTheLengthOfTheHeader) {
  EXPECT_EQ(ErrorOf("1234567"), "x.safetensors: offset 0: 7 bytes; a header length takes 8");
  std::string file = File(kGood, kGoodData);
  file[3] = '\x7F';
  EXPECT_EQ(ErrorOf(file), fmt::format("x.safetensors: offset 0: a header of {} bytes; at most 100000000 are allowed",
                                       0x7F000000 + kGood.size()));
  for (std::size_t i = 0; i < 8; ++i) file[i] = '\xFF';
  EXPECT_NE(ErrorOf(file).find("offset 0: a header of 18446744073709551615 bytes"), std::string::npos);
  EXPECT_EQ(ErrorOf(File("{}", 0).substr(0, 9)), "x.safetensors: offset 0: a header of 2 bytes; the file has 1 more");
}

struct Hostile {
  const char* what;
  std::string header;
  const char* error;  ///< a part of it
  std::size_t data_bytes = 8;
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.what; }

std::string T(const char* shape, const char* offsets, const char* dtype = "F32") {
  return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
}

std::string Ones(std::size_t count) { return fmt::format("[{}]", fmt::join(std::vector<int>(count, 1), ",")); }

class HostileHeader : public testing::TestWithParam<Hostile> {};

TEST_P(HostileHeader, IsRefusedByName) {
  const std::string error = ErrorOf(File(GetParam().header, GetParam().data_bytes));
  EXPECT_TRUE(error.starts_with("x.safetensors: ")) << error;
  EXPECT_NE(error.find(GetParam().error), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    Safetensors, HostileHeader,
    testing::Values(
        Hostile{"negative dimension", R"({"w":)" + T("[-2]", "[0,8]") + "}", "tensor w: a negative number in shape"},
        Hostile{"fractional dimension", R"({"w":)" + T("[2.0]", "[0,8]") + "}", "tensor w: the number 2.0 in shape"},
        Hostile{"dimension beyond 64 bits", R"({"w":)" + T("[18446744073709551616]", "[0,8]") + "}",
                "tensor w: the number 18446744073709551616 in shape"},
        Hostile{"dimension beyond 63 bits", R"({"w":)" + T("[9223372036854775808]", "[0,8]") + "}",
                "tensor w: the dimension 9223372036854775808 in shape"},
        Hostile{"product beyond 64 bits", R"({"w":)" + T("[4294967296,4294967296]", "[0,8]") + "}",
                "tensor w: the shape [4294967296, 4294967296] overflows"},
        Hostile{"product that wraps to the right size", R"({"w":)" + T("[2,2305843009213693952,4]", "[0,0]") + "}",
                "tensor w: the shape [2, 2305843009213693952, 4] overflows", 0},
        Hostile{"too many dimensions", R"({"w":)" + T(Ones(65).c_str(), "[0,4]") + "}",
                "tensor w: more than 64 dimensions", 4},
        Hostile{"size of another shape", R"({"w":)" + T("[3]", "[0,8]") + "}",
                "tensor w: F32 [3] takes 12 bytes, bytes 0 to 8 were given"},
        Hostile{"half a byte", R"({"w":)" + T("[3]", "[0,2]", "F4") + "}", "tensor w: F4 [3] takes 2 bytes", 2},
        Hostile{"end before begin", R"({"w":)" + T("[2]", "[8,0]") + "}", "tensor w: bytes 8 to 0"},
        Hostile{"beyond the data", R"({"w":)" + T("[4]", "[0,16]") + "}",
                "tensor w: bytes 0 to 16 of a data section of 8"},
        Hostile{"offset near 2^64", R"({"w":)" + T("[2]", "[18446744073709551608,18446744073709551615]") + "}",
                "tensor w: bytes 18446744073709551608"},
        Hostile{"negative offset", R"({"w":)" + T("[2]", "[-8,0]") + "}",
                "tensor w: a negative number in data_offsets"},
        Hostile{"overlap", R"({"v":)" + T("[1]", "[0,4]") + R"(,"w":)" + T("[1]", "[2,6]") + "}",
                "tensor w: begins at byte 2, inside tensor v"},
        Hostile{"hole", R"({"v":)" + T("[1]", "[0,4]") + R"(,"w":)" + T("[1]", "[5,9]") + "}",
                "tensor w: begins at byte 5, leaving 1 bytes from 4 on to no tensor", 9},
        Hostile{"data that belongs to none", R"({"w":)" + T("[1]", "[0,4]") + "}",
                "4 bytes after the last tensor belong to none"},
        Hostile{"no tensors but data", "{}", "offset 10: 8 bytes after the last tensor"},
        Hostile{"tensor twice", R"({"w":)" + T("[1]", "[0,4]") + R"(,"w":)" + T("[1]", "[4,8]") + "}",
                "tensor w: appears twice"},
        Hostile{"field twice", R"({"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                "tensor w: field dtype appears twice"},
        Hostile{"metadata twice", R"({"__metadata__":{},"__metadata__":{}})", "__metadata__: appears twice"},
        Hostile{"metadata key twice", R"({"__metadata__":{"k":"1","k":"2"}})", "__metadata__: the key k appears twice"},
        Hostile{"metadata of another type", R"({"__metadata__":{"k":1}})",
                "__metadata__: the value of k is the number 1, not a string"},
        Hostile{"no dtype", R"({"w":{"shape":[2],"data_offsets":[0,8]}})", "tensor w: field dtype is missing"},
        Hostile{"no shape", R"({"w":{"dtype":"F32","data_offsets":[0,8]}})", "tensor w: field shape is missing"},
        Hostile{"no offsets", R"({"w":{"dtype":"F32","shape":[2]}})", "tensor w: field data_offsets is missing"},
        Hostile{"one offset", R"({"w":)" + T("[2]", "[0]") + "}", "tensor w: data_offsets must be two numbers"},
        Hostile{"three offsets", R"({"w":)" + T("[2]", "[0,8,8]") + "}", "tensor w: the number 8 in data_offsets"},
        Hostile{"unknown field", R"({"w":{"dtype":"F32","stride":[1],"shape":[2],"data_offsets":[0,8]}})",
                "tensor w: unknown field stride"},
        Hostile{"shape of objects", R"({"w":)" + T("[{}]", "[0,8]") + "}", "tensor w: an object in shape"},
        Hostile{"deep nesting", R"({"w":{"shape":)" + std::string(100'000, '[') + "}}", "tensor w: an array in shape"},
        Hostile{"entry that is null", R"({"w":null})", "tensor w: the entry is null"},
        Hostile{"not an object", "{", "offset 9: "}, Hostile{"header of an array", "[]", "does not begin with {"},
        Hostile{"space before the header", " {}", "offset 8: the header does not begin with {"},
        Hostile{"zero byte after the header", std::string("{}\0 ", 4), "offset 10: a zero byte"},
        Hostile{"text after the header", "{} x", "offset 11: "}, Hostile{"bad UTF-8", "{\"\xFF\":1}", "offset 10: "},
        Hostile{"bare word", R"({"w":tru})", "offset 1"}));

TEST(Safetensors, NamesWhatDoesNotExist) {
  const auto file = SafetensorsFile::Open("/nonexistent/model.safetensors");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(file.error().ToString().find("/nonexistent/model.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace strata
