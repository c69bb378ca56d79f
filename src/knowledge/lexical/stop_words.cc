#include "knowledge/lexical/stop_words.h"

#include <array>
#include <utility>

namespace strata::knowledge {
namespace {

constexpr std::string_view kEnglish =
    "a an the this that these those i me my mine myself we us our ours ourselves you your yours yourself yourselves he "
    "him his himself she her hers herself it its itself they them their theirs themselves who whom whose which what "
    "am is are was were be been being have has had having do does did doing done can could may might must shall should "
    "will would ought and or but if nor so than then because as until while of at by for with about against between "
    "into through during before after above below to from up down in out on off over under again further once here "
    "there when where why how all any both each few more most other some such no not only own same too very just also "
    "isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't hadn't "
    "i'm "
    "i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll we're we've we'd "
    "we'll "
    "they're they've they'd they'll that's there's what's who's let's";

constexpr std::string_view kGerman =
    "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner keines ich mich mir mein "
    "meine meinen meinem meiner du dich dir dein deine deinen deinem deiner er ihn ihm sein seine seinen seinem seiner "
    "sie ihr ihre ihren ihrem ihrer es wir uns unser unsere unseren unserem unserer euch euer eure man sich wer wen "
    "wem "
    "wessen was welche welcher welches welchen welchem dieser diese dieses diesen diesem jener jene jenes jenen jenem "
    "bin bist ist sind seid war warst waren wart gewesen habe hast hat haben habt hatte hatten werde wirst wird werden "
    "wurde wurden worden kann kannst können könnte muss müssen soll sollen sollte will wollen darf dürfen mag mögen "
    "und "
    "oder aber denn sondern dass weil wenn ob als wie da damit so auch nur noch schon sehr nicht nichts hier dort dann "
    "doch mal in im ins an am ans auf aus bei beim bis durch für gegen hinter mit nach neben ohne seit über um unter "
    "von vom vor während wegen zu zum zur zwischen alle allen aller alles andere anderen anderer einige mehr viel "
    "etwas";

constexpr std::string_view kFrench =
    "le la les l un une des du de d au aux ce cet cette ces c je j me m moi mon ma mes tu te t toi ton ta tes il elle "
    "on "
    "se s soi son sa ses nous notre nos vous votre vos ils elles eux leur leurs lui y en qui que qu quoi dont où quel "
    "quelle quels quelles suis es est sommes êtes sont étais était étaient étions étiez été être étant sera seront "
    "serait ai as a avons avez ont avais avait avaient avoir eu aura auront aurait fait faire peut peuvent et ou mais "
    "ni "
    "car or donc si comme lorsque quand parce puisque ne n pas plus moins très aussi encore déjà ici là dans par pour "
    "sur sous avec sans chez vers entre depuis pendant avant après contre jusque tout toute tous toutes même mêmes "
    "autre "
    "autres ceci cela ça celui celle ceux celles";

constexpr std::string_view kSpanish =
    "el la los las lo un una unos unas de del a al y e o u que qué quien quién quienes cual cuál cuales cuyo cuya yo "
    "me "
    "mi mí mis tú te ti tu tus él ella ello se sí su sus nosotros nos nuestro nuestra nuestros nuestras vosotros os "
    "vuestro vuestra ellos ellas le les usted ustedes este esta esto estos estas ese esa eso esos esas aquel aquella "
    "aquello aquellos aquellas soy eres es somos son era eras eran fue fueron ser sido siendo será serán sería estoy "
    "está están estaba estaban estar he has ha hemos han había habían haber hay tiene tienen tener puede pueden pero "
    "ni "
    "si no como cómo cuando cuándo donde dónde porque pues mientras aunque muy más menos también ya aquí allí en con "
    "sin por para sobre entre hasta desde hacia durante contra ante bajo según tras todo toda todos todas otro otra "
    "otros otras mismo misma algo nada cada";

constexpr std::string_view kItalian =
    "il lo la i gli le l un uno una di del dello della dei degli delle a al allo alla ai agli alle da dal dallo dalla "
    "dai dagli dalle in nel nello nella nei negli nelle con col su sul sullo sulla sui sugli sulle per tra fra e ed o "
    "ma "
    "né se che chi cui quale quali io me mi mio mia miei mie tu te ti tuo tua tuoi tue egli lui lei esso essa si sé "
    "suo "
    "sua suoi sue noi ci nostro nostra nostri nostre voi vi vostro vostra vostri vostre essi loro ne questo questa "
    "questi queste quello quella quelli quelle sono sei è siamo siete era erano ero essere stato stata stati state "
    "sarà "
    "saranno ho hai ha abbiamo avete hanno aveva avevano avere può possono non come quando dove perché anche più meno "
    "molto già qui lì senza contro dopo prima durante tutto tutta tutti tutte altro altra altri altre stesso ogni";

constexpr std::string_view kPortuguese =
    "o a os as um uma uns umas de do da dos das em no na nos nas por pelo pela pelos pelas para com sem sob sobre "
    "entre "
    "até desde contra durante e ou mas nem se que quem qual quais cujo cuja eu me mim meu minha meus minhas tu te ti "
    "teu "
    "tua teus tuas ele ela seu sua seus suas nós nosso nossa nossos nossas vós vos vosso vossa eles elas lhe lhes você "
    "vocês este esta isto estes estas esse essa isso esses essas aquele aquela aquilo aqueles aquelas sou és é somos "
    "são "
    "era eram foi foram ser sido sendo será serão seria estou está estão estava estavam estar hei há havia tem têm "
    "tinha "
    "ter pode podem não como quando onde porque pois embora muito mais menos também já aqui ali ao à aos às depois "
    "antes "
    "todo toda todos todas outro outra outros outras mesmo cada";

constexpr std::string_view kDutch =
    "de het een ik me mij mijn jij je jou jouw hij hem zijn zij ze haar wij we ons onze jullie u uw hun hen zich die "
    "dat "
    "deze dit wie wat welke ben bent is was waren geweest heb hebt heeft hebben had hadden word wordt worden werd "
    "werden "
    "kan kunnen kon zal zullen zou zouden moet moeten mag wil en of maar want dus als dan omdat dat toen terwijl hoe "
    "waar wanneer waarom niet geen niets ook nog al zo zeer meer veel hier daar er van in op te aan met voor door over "
    "bij uit tot naar om onder tegen tussen na zonder sinds tijdens alle alles andere iets elk ieder";

constexpr std::string_view kRussian =
    "и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее её мне было вот от меня "
    "еще ещё нет о об из ему теперь когда даже ну ли если уже или ни быть был была были него до вас опять вам ведь там "
    "потом себя ничего ей может они тут где есть надо ней для мы тебя их чем сам сама чтоб чтобы без будто чего раз "
    "тоже "
    "себе под будет ж тогда кто этот эта это эти того потому этого какой какая какие ним здесь этом один почти мой моя "
    "мои тем нее неё наш наша кажется куда зачем всех при над про после между через перед также который которая "
    "которое "
    "которые";

constexpr auto kLists = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"dutch", kDutch},
    {"english", kEnglish},
    {"french", kFrench},
    {"german", kGerman},
    {"italian", kItalian},
    {"portuguese", kPortuguese},
    {"russian", kRussian},
    {"spanish", kSpanish},
});

}  // namespace

std::string_view StopWords(std::string_view language) {
  for (const auto& [name, words] : kLists) {
    if (name == language) return words;
  }
  return {};
}

}  // namespace strata::knowledge
