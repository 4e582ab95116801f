/** Plain English word lists that several skills draw values from. */
/** The words of a text, in order. */
function wordsOf(text: string): string[] {
  return text.trim().split(/\s+/);
}

export const colours = wordsOf(`
  red blue green yellow black white orange purple brown grey pink silver gold
`);
export const months = wordsOf(`
  January February March April May June July August September October November December
`);
export const days = wordsOf(`
  Monday Tuesday Wednesday Thursday Friday Saturday Sunday
`);
export const jobs = wordsOf(`
  baker nurse teacher pilot farmer lawyer painter plumber doctor singer writer cook driver judge engineer
  gardener librarian dentist tailor carpenter sailor waiter actor guide mechanic clerk
`);
export const animals = wordsOf(`
  cat dog horse parrot rabbit goat turtle snake duck sheep mouse fox owl bear wolf frog cow pig lion tiger
  monkey whale eagle bee
`);
export const foods = wordsOf(`
  soup bread rice cheese fish cake pasta salad pie honey beans apples plums noodles pancakes tomatoes potatoes
  mushrooms olives cherries lemons carrots eggs butter
`);
export const hobbies = wordsOf(`
  chess fishing painting running swimming cooking dancing reading hiking sewing skating singing cycling climbing
  gardening rowing
`);
export const instruments = wordsOf(`
  piano violin guitar flute drum trumpet harp cello
`);
export const languages = wordsOf(`
  French Spanish German Italian Dutch Greek Polish Turkish Danish Arabic Hindi Finnish
`);
export const materials = wordsOf(`
  wood steel glass paper plastic cotton leather stone wool copper rubber clay
`);
export const objects = wordsOf(`
  book key cup ball box pen hat coat map ring spoon plate rope bag clock candle brush mirror basket ladder
  bottle stamp ticket letter shoe knife pillow carpet drum kite
`);
export const rooms = wordsOf(`
  kitchen garden office garage attic cellar bedroom hall library workshop balcony bathroom
`);
export const adjectives = wordsOf(`
  small big old new quiet loud warm cold bright dark heavy light soft hard clean dirty happy sad fast slow round
  long short tall deep thin strong gentle brave clever busy lazy
`);
export const fame = [
  'its market',
  'its bridge',
  'its cheese',
  'its harbour',
  'its castle',
  'its gardens',
  'its music',
  'its glass',
  'its clock tower',
  'its wine',
  'its old library',
  'its beach',
  'its trains',
  'its silk',
  'its museum',
];
export const genres = wordsOf(`
  mystery romance history adventure comedy poetry fantasy travel
`);
export const industries = wordsOf(`
  paper software furniture medicine toys clothing insurance shipping farming travel music banking
`);
