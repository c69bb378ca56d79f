// The module strata-ocr.so: Tesseract (Apache-2.0) over what image.h decodes or PDFium draws.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <leptonica/allheaders.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tesseract/baseapi.h>
#include <tesseract/ocrclass.h>
#include <tesseract/resultiterator.h>
#include <unistd.h>

#include "knowledge/document/ocr.h"
#include "knowledge/document/pix_pointer.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDataEnding = ".traineddata";
// Tesseract's networks were trained on text of 300 dpi; below two thirds of it they read more when it is enlarged.
constexpr float kTrainedDpi = 300, kEnlargeBelow = 200, kMostEnlarged = 3;
// In less than this no letter can be read.
constexpr int kLeastSide = 8;
// What stands on its head has a confidence of some 40.
constexpr float kReadable = 60;
// Words below this confidence are noise rather than text.
constexpr float kLeastConfidence = 30;

/// Files mapped before the sandbox is entered, for Tesseract's FileReader, which has no argument of its own.
class LanguageData {
 public:
  void Load(const std::string& folder, std::string_view languages) {
    folder_ = folder;
    std::error_code error;
    std::vector<std::string> names;
    if (languages.empty()) {
      for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        // osd tells scripts, equ finds equations: no languages.
        const std::string stem = entry.path().stem();
        if (entry.path().extension() == kDataEnding && stem != "osd" && stem != "equ") names.push_back(stem);
      }
      // English first: of words that several languages read equally well, the first one's reading is taken.
      std::ranges::sort(names, {}, [](const std::string& name) { return std::pair(name != "eng", name); });
    }
    while (!languages.empty()) {
      const std::size_t end = std::min(languages.find('+'), languages.size());
      names.emplace_back(languages.substr(0, end));
      languages.remove_prefix(std::min(end + 1, languages.size()));
    }
    for (const std::string& name : names) {
      if (!Map(name)) missing_ += (missing_.empty() ? "" : ", ") + name + std::string(kDataEnding);
      languages_ += (languages_.empty() ? "" : "+") + name;
    }
    if (names.empty()) missing_ = fmt::format("*{}", kDataEnding);
  }

  Status Check() const {
    if (missing_.empty()) return {};
    return Fail(ErrorCode::kNotFound,
                "text in pictures needs Tesseract's language data, {} is not in {} (in Debian: tesseract-ocr-eng)",
                missing_, folder_);
  }

  const std::string& languages() const { return languages_; }

  static LanguageData& Instance() {
    static LanguageData instance;
    return instance;
  }

  static bool Read(const char* path, std::vector<char>* data) {
    const auto found = Instance().files_.find(fs::path(path).stem().string());
    if (found == Instance().files_.end()) return false;
    data->assign(found->second.begin(), found->second.end());
    return true;
  }

 private:
  bool Map(const std::string& name) {
    const int file = ::open(fmt::format("{}/{}{}", folder_, name, kDataEnding).c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about{};
    if (file < 0) return false;
    void* map = MAP_FAILED;
    if (::fstat(file, &about) == 0 && about.st_size > 0) {
      map = ::mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    }
    ::close(file);
    if (map == MAP_FAILED) return false;
    files_[name] = {static_cast<const char*>(map), static_cast<std::size_t>(about.st_size)};
    return true;
  }

  std::string folder_, languages_, missing_;
  std::map<std::string, std::string_view> files_;
};

PixPointer ToPix(const GrayImage& image) {
  PixPointer pix(pixCreate(image.width, image.height, 8));
  if (pix == nullptr) return nullptr;
  const auto width = static_cast<std::size_t>(image.width);
  for (int y = 0; y < image.height; ++y) {
    l_uint32* const row = pixGetData(pix.get()) + static_cast<std::ptrdiff_t>(y) * pixGetWpl(pix.get());
    const std::uint8_t* const in = image.pixels.data() + static_cast<std::size_t>(y) * width;
    for (int x = 0; x < image.width; ++x) SET_DATA_BYTE(row, x, in[x]);
  }
  return pix;
}

class TesseractOcr final : public Ocr {
 public:
  std::string_view MediaType(std::string_view file) override { return ImageMediaType(file); }
  int CountPages(std::string_view file) override { return CountImagePages(file); }
  Result<GrayImage> Decode(std::string_view file, int page, std::size_t max_bytes) override {
    return DecodeImage(file, page, max_bytes);
  }

  Result<OcrPage> Recognize(const GrayImage& image, std::chrono::milliseconds time) override {
    STRATA_CHECK(Start());
    if (std::min(image.width, image.height) < kLeastSide) return OcrPage{};
    PixPointer pix = ToPix(image);
    float dpi = image.dpi;
    if (pix != nullptr && dpi < kEnlargeBelow) {
      const float by = std::min(kTrainedDpi / dpi, kMostEnlarged);
      pix.reset(pixScale(pix.get(), by, by));
      dpi *= by;
    }
    const auto end = std::chrono::steady_clock::now() + time;
    OcrPage best;
    // What cannot be read may lie on its left side, or stand on its head.
    for (const int turns : {0, 1, 2}) {
      auto page = RecognizeTurned(pix.get(), turns, dpi, end);
      if (!page && turns == 0) return page;
      if (!page) break;
      if (turns == 0 || page->confidence > best.confidence) best = *std::move(page);
      if (best.confidence >= kReadable) break;
    }
    return best;
  }

 private:
  Result<OcrPage> RecognizeTurned(PIX* upright, int turns, float dpi, std::chrono::steady_clock::time_point end) {
    const PixPointer pix(turns == 0 ? pixClone(upright) : pixRotateOrth(upright, turns));
    if (pix == nullptr) return Fail(ErrorCode::kResourceExhausted, "a picture needs more memory than it may have");
    tesseract_->SetImage(pix.get());
    tesseract_->SetSourceResolution(static_cast<int>(std::lround(dpi)));
    tesseract::ETEXT_DESC monitor;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    monitor.set_deadline_msecs(static_cast<std::int32_t>(std::clamp<std::int64_t>(left.count(), 1, INT32_MAX)));
    const bool failed = tesseract_->Recognize(&monitor) != 0;
    const bool late = monitor.deadline_exceeded();
    OcrPage page =
        failed || late ? OcrPage{} : ReadPage(pixGetWidth(pix.get()), pixGetHeight(pix.get()), kPointsPerInch / dpi);
    page.turns = (page.turns + turns) & 3;
    tesseract_->Clear();
    if (late) return Fail(ErrorCode::kResourceExhausted, "a page took longer to be recognised than it may");
    if (failed) return Fail(ErrorCode::kCorrupt, "a page could not be recognised");
    return page;
  }

  Status Start() {
    if (tesseract_ != nullptr) return {};
    LanguageData& data = LanguageData::Instance();
    STRATA_CHECK(data.Check());
    auto tesseract = std::make_unique<tesseract::TessBaseAPI>();
    if (tesseract->Init("", 0, data.languages().c_str(), tesseract::OEM_LSTM_ONLY, nullptr, 0, nullptr, nullptr, false,
                        &LanguageData::Read) != 0) {
      return Fail(ErrorCode::kCorrupt, "Tesseract cannot use its language data ({})", data.languages());
    }
    tesseract->SetPageSegMode(tesseract::PSM_AUTO);
    tesseract_ = std::move(tesseract);
    return {};
  }

  /// Of a picture so large, pixels of so many points. Tesseract reads lines that run down the picture as well, of pages
  /// that lie on their right side and of scripts that are written so.
  OcrPage ReadPage(int width, int height, float points) {
    OcrPage page;
    const std::unique_ptr<tesseract::ResultIterator> at(tesseract_->GetIterator());
    if (at == nullptr) return page;
    double letters = 0, sum = 0;
    bool line_starts = false;
    Box line{};
    float size = 0;
    std::vector<Box> lines;                // of the words
    std::size_t across = 0, downward = 0;  // letters
    do {
      if (at->IsAtBeginningOf(tesseract::RIL_TEXTLINE)) {
        line_starts = true;
        line = BoxOf(*at, tesseract::RIL_TEXTLINE, points);
        size = LineSize(*at, points);
      }
      const std::unique_ptr<const char[]> text(at->GetUTF8Text(tesseract::RIL_WORD));
      const std::string_view word = text == nullptr ? std::string_view() : text.get();
      if (word.find_first_not_of(' ') == word.npos) continue;
      const float confidence = at->Confidence(tesseract::RIL_WORD);
      letters += static_cast<double>(word.size());
      sum += static_cast<double>(word.size()) * confidence;
      if (confidence < kLeastConfidence) {
        ++page.dropped;
        continue;
      }
      (RunsDownward(*at) ? downward : across) += word.size();
      lines.push_back(line);
      page.words.push_back({.text = std::string(word),
                            .box = BoxOf(*at, tesseract::RIL_WORD, points),
                            .size = size,
                            .starts_line = line_starts});
      line_starts = false;
    } while (at->Next(tesseract::RIL_WORD));
    if (letters > 0) page.confidence = static_cast<float>(sum / letters);
    if (downward > across) page.turns = 3;  // to the left, so that lines run across
    const auto upright = [&](const Box& box) {
      return Turned(box, static_cast<float>(width) * points, static_cast<float>(height) * points, page.turns);
    };
    for (std::size_t i = 0; i < lines.size(); ++i) {
      Box& box = page.words[i].box;
      box = upright(box);
      // Words of a line stand on one height, whatever letters they have.
      const Box whole = upright(lines[i]);
      box.top = whole.top;
      box.bottom = whole.bottom;
    }
    return page;
  }

  static bool RunsDownward(const tesseract::ResultIterator& at) {
    tesseract::Orientation top{};
    tesseract::WritingDirection direction{};
    tesseract::TextlineOrder order{};
    float skew = 0;
    at.Orientation(&top, &direction, &order, &skew);
    return direction == tesseract::WRITING_DIRECTION_TOP_TO_BOTTOM;
  }

  static Box BoxOf(const tesseract::ResultIterator& at, tesseract::PageIteratorLevel level, float points) {
    int left = 0, top = 0, right = 0, bottom = 0;
    at.BoundingBox(level, &left, &top, &right, &bottom);
    return {static_cast<float>(left) * points, static_cast<float>(top) * points, static_cast<float>(right) * points,
            static_cast<float>(bottom) * points};
  }

  static float LineSize(const tesseract::ResultIterator& at, float points) {
    float height = 0, descenders = 0, ascenders = 0;
    at.RowAttributes(&height, &descenders, &ascenders);
    return std::max(height * points, 1.0F);
  }

  std::unique_ptr<tesseract::TessBaseAPI> tesseract_;
};

}  // namespace

extern "C" Ocr* StrataMakeOcr(const char* folder, const char* languages) {
  setMsgSeverity(L_SEVERITY_NONE);
  LanguageData::Instance().Load(folder, languages);
  return new TesseractOcr;
}

}  // namespace strata::knowledge
