#include "knowledge/document/recognized_pages.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace strata::knowledge {
namespace {

// What Tesseract makes of noise and of scripts that its data is not for stays below this mean confidence.
constexpr float kLeastPageConfidence = 50;
// The part of the time that a parser may be silent which one page may take.
constexpr auto PageTime(std::chrono::milliseconds limit) { return limit * 3 / 4; }

/// "1-3, 7".
std::string Ranges(const std::vector<int>& pages) {
  std::string text;
  for (std::size_t i = 0, end = 0; i < pages.size(); i = end) {
    for (end = i + 1; end < pages.size() && pages[end] == pages[end - 1] + 1;) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", pages[i]);
    if (end > i + 1) text += fmt::format("-{}", pages[end - 1]);
  }
  return text;
}

}  // namespace

bool RecognizedPages::Want(int page) {
  const Result<Ocr*> ocr = LoadOcr();
  if (ocr && builder_.budget().recognition_left().count() > 0 && !error_) return true;
  if (!ocr && !error_) error_ = ocr.error();
  (error_ ? failed_ : late_).push_back(page);
  return false;
}

RecognizedPage RecognizedPages::Recognize(int page, const GrayImage& image) {
  ParseBudget& budget = builder_.budget();
  const auto start = std::chrono::steady_clock::now();
  const auto time = std::min<std::chrono::milliseconds>(budget.recognition_left(), PageTime(budget.limits().time));
  Result<OcrPage> text = LoadOcr().value()->Recognize(image, time);
  budget.TookRecognition(std::chrono::steady_clock::now() - start);
  if (!text && text.error().code() == ErrorCode::kResourceExhausted) {
    slow_.push_back(page);
    return {};
  }
  if (!text) {
    error_ = text.error();
    failed_.push_back(page);
    return {};
  }
  if (text->words.empty() && text->dropped == 0) {
    empty_.push_back(page);
    return {};
  }
  if (text->words.empty() || text->confidence < kLeastPageConfidence) {
    uncertain_.push_back(page);
    return {};
  }
  read_.push_back(page);
  confidence_ += text->confidence;
  const float points = kPointsPerInch / image.dpi;
  PageView view{static_cast<float>(image.width) * points, static_cast<float>(image.height) * points, text->turns};
  if (view.turns % 2 != 0) std::swap(view.width, view.height);
  return {std::move(text->words), view};
}

Status RecognizedPages::Finish(bool has_other_text) {
  if (error_ && read_.empty() && !has_other_text) return std::unexpected(*error_);
  const bool pages = of_ == Of::kPages;
  const auto warn = [&](const std::vector<int>& which, std::string_view what) {
    if (which.empty()) return;
    builder_.Warn(
        fmt::format("{}{} {}: {}", pages ? "page" : "picture", which.size() == 1 ? "" : "s", Ranges(which), what));
  };
  if (pages) {
    warn(empty_, "a picture in which no text was found");
    warn(uncertain_, "a picture whose text could not be recognised with any confidence, left out");
  }
  warn(slow_, "a picture that took too long to be recognised or too much memory, left out");
  warn(late_, "left out, no time was left to recognise them (limit recognition_time)");
  if (error_) warn(failed_, fmt::format("a picture that was not read: {}", error_->ToString()));
  if (read_.empty()) return {};
  builder_.SetMetadata("ocr", "true");
  if (pages) {
    builder_.SetMetadata("ocr_pages", Ranges(read_));
  } else {
    builder_.SetMetadata("ocr_pictures", fmt::format("{}", read_.size()));
  }
  builder_.SetMetadata("ocr_confidence",
                       fmt::format("{}", std::lround(confidence_ / static_cast<double>(read_.size()))));
  return {};
}

}  // namespace strata::knowledge
