// Texts and vectors that are made up, and the same wherever a bench runs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace strata::knowledge::bench {

inline constexpr std::size_t kDimensions = 384;

/// Vectors of length 1 around 300 centres in 64 directions of falling weight, with noise in all: near to how embeddings
/// of texts lie.
class VectorSource {
 public:
  VectorSource() {
    basis_.resize(kDirections * kDimensions);
    for (float& value : basis_) value = normal_(random_);
    centres_.resize(kCentres * kDirections);
    for (std::size_t i = 0; i < centres_.size(); ++i) centres_[i] = normal_(random_) * Weight(i % kDirections);
  }
  void Next(float* vector) { Next(random_, vector); }
  /// Drawn from another generator: a text's vector is the same each time.
  void Next(std::mt19937& random, float* vector) const {
    std::normal_distribution<float> normal;
    const float* centre = centres_.data() + random() % kCentres * kDirections;
    std::fill_n(vector, kDimensions, 0.0f);
    for (std::size_t d = 0; d < kDirections; ++d) {
      const float along = centre[d] + 1.0f * normal(random) * Weight(d);
      for (std::size_t i = 0; i < kDimensions; ++i) vector[i] += along * basis_[d * kDimensions + i];
    }
    float square = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
      vector[i] += 0.5f * normal(random);
      square += vector[i] * vector[i];
    }
    for (std::size_t i = 0; i < kDimensions; ++i) vector[i] /= std::sqrt(square);
  }

 private:
  static constexpr std::size_t kDirections = 64, kCentres = 300;
  static float Weight(std::size_t direction) { return 1 / std::sqrt(1 + 0.1f * static_cast<float>(direction)); }
  std::mt19937 random_{1};
  std::normal_distribution<float> normal_;
  std::vector<float> basis_, centres_;
};

/// Words as frequent as in languages (Zipf).
class TextSource {
 public:
  // Ranks from `least` on: queries leave out the very frequent words, as people do.
  std::string Text(int words, double least) {
    std::string text;
    for (int i = 0; i < words; ++i) {
      const double rank = std::exp(std::uniform_real_distribution<>(std::log(least), std::log(kVocabulary))(random_));
      text += 'w';
      for (auto rest = static_cast<long>(rank); rest > 0; rest /= 26) text += static_cast<char>('a' + rest % 26);
      text += ' ';
    }
    return text;
  }
  std::mt19937& random() { return random_; }

 private:
  static constexpr double kVocabulary = 400000;
  std::mt19937 random_{1};
};

/// For peers.py.
template <class T>
void WriteNumbers(const std::string& path, const std::vector<T>& numbers) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * sizeof(T)));
}

}  // namespace strata::knowledge::bench
