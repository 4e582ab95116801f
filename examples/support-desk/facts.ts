/** What is true at Kestrel & Moss, an invented maker of household machines, and the ways customers ask about it. */

/** One thing to know: `{e}` in a wording stands for the entity. The wordings of one topic are shared by its entities. */
export type Topic = { wordings: readonly string[]; answers: Readonly<Record<string, string>> };

/** The parts of a comma-separated text. */
function listed(text: string): string[] {
  return text.split(',').map((part) => part.trim().replaceAll(/\s+/g, ' '));
}

const machines = listed(`
  Velora kettle, Tamsin lamp, Orbik blender, Quillon printer, Haddock fridge, Pomelo toaster, Zephyr fan,
  Mirabel oven, Corvin drill, Sable vacuum, Juniper heater, Lattice router, Bramble mower, Onyx speaker, Fathom
  pump, Wicket camera, Clover scale, Dynamo bicycle, Ember stove, Gannet radio, Halcyon mattress, Indigo iron,
  Jasper freezer, Kodiak tent, Lumen projector, Nimbus shower, Peregrine scooter, Rowan desk, Sorrel juicer,
  Thistle clock
`);

const prices = listed(`
  49 euros, 85 euros, 132 euros, 240 euros, 615 euros, 38 euros, 57 euros, 480 euros, 96 euros, 175 euros, 118
  euros, 64 euros, 330 euros, 142 euros, 209 euros, 267 euros, 25 euros, 890 euros, 540 euros, 73 euros, 399
  euros, 45 euros, 720 euros, 188 euros, 355 euros, 160 euros, 510 euros, 225 euros, 91 euros, 32 euros
`);
const warranties = listed(`
  2 years, 6 months, 18 months, 5 years, 10 years, 9 months, 1 year, 7 years, 30 months, 4 years, 15 months, 3
  years, 8 years, 20 months, 6 years, 12 months, 5 months, 9 years, 11 years, 24 months, 15 years, 8 months, 12
  years, 14 months, 40 months, 10 months, 21 months, 20 years, 27 months, 13 years
`);
const parts = listed(`
  copper filter, glass cap, steel blade, paper tray, rubber seal, wire rack, plastic wing, stone plate, long
  bit, cotton bag, clay tube, short aerial, blue belt, soft cone, brass valve, round lens, thin battery, leather
  chain, iron grate, silver knob, wool cover, clear tank, grey hinge, orange pole, bright bulb, white hose,
  small wheel, oak drawer, green sieve, gold hand
`);
const resets = listed(`
  hold the lid, tap the base, turn the jar, press both arrows, open the door twice, lift the lever, pull the
  cord, press the star key, shake the handle, empty the box, turn the dial left, press the pin, lock the brake,
  hold the volume key, close the tap, cover the lens, step on it, ring the bell, turn the gas off, pull the
  antenna, roll it up, lay it flat, unplug it overnight, fold the poles, press the moon key, turn the head, hold
  the throttle, lower the top, remove the bowl, turn the hands back
`);
const makers = listed(`
  Arvenport, Bellmouth, Castor Bay, Dunmere, Eastwick, Farrowdale, Glasshaven, Hollin, Ironbridge, Jarrow Point,
  Kelpstead, Larkfield, Mossburg, Nettleton, Oakham, Pinecrest, Quarry Hill, Redcliff, Saltmarsh, Tidewell,
  Underwood, Vinefield, Westerby, Yarrow, Zellerton, Ashgrove, Brackenford, Coldspring, Driftwood, Elmstead
`);

const departments = listed(`
  billing, shipping, repairs, sales, training, returns, marketing, security, payroll, design, purchasing,
  research, catering, recycling, insurance, cleaning
`);
const heads = listed(`
  Marta Quill, Anders Pell, Ruth Onyango, Tobias Finch, Leila Samadi, Oskar Brandt, Priya Nair, Hugo Castellan,
  Wanda Kowal, Samuel Thorne, Inez Duarte, Felix Moreau, Greta Lund, Idris Bello, Clara Voss, Niko Petrov
`);
const extensions = listed(`
  4071, 2936, 5518, 3847, 6120, 7394, 8265, 1489, 9052, 2713, 3390, 4826, 5907, 6641, 7178, 8533
`);

const shops = listed(`
  Harbour Street, Mill Lane, Castle Square, Station Road, Garden Row, Bridge Walk, Market Hill, Church Corner,
  Park Avenue, River Quay, Tower Court, Orchard Way
`);
const closing = listed(`
  5 pm, 6 pm, 7 pm, 8 pm, 9 pm, 10 pm, noon, 1 pm, 2 pm, 3 pm, 4 pm, midnight
`);
const managers = listed(`
  Bruno, Celeste, Dmitri, Esther, Fatima, Gregor, Hilda, Ivan, Jolene, Kasper, Lorena, Milton
`);
const freeDays = listed(`
  the first Monday, every Tuesday, the last Friday, every Sunday, each Wednesday morning, the second Thursday,
  Saturday afternoon, all of August, the first of May, New Year week, the third Monday, Easter week
`);

const policies: readonly [wordings: readonly string[], answer: string][] = [
  [
    [
      'How long can I return a purchase?',
      'What is the return period?',
      'Within how many days must I return something?',
      'How many days do I have for a return?',
      'Tell me the return period.',
      'Return period?',
    ],
    '45 days',
  ],
  [
    [
      'How much is delivery?',
      'What does delivery cost?',
      'What is the delivery fee?',
      'Tell me the delivery fee.',
      'How much do you charge for delivery?',
      'Delivery fee?',
    ],
    '7 euros',
  ],
  [
    [
      'What is the loyalty card called?',
      'Name of the loyalty card?',
      'What do you call your loyalty card?',
      'Tell me the name of the loyalty card.',
      'Which loyalty card do you have?',
      'How is the loyalty card named?',
    ],
    'Feather Card',
  ],
  [
    [
      'Who founded Kestrel & Moss?',
      'Who started Kestrel & Moss?',
      'Who is the founder of Kestrel & Moss?',
      'Name the founder of Kestrel & Moss.',
      'Tell me who founded Kestrel & Moss.',
      'Kestrel & Moss was founded by whom?',
    ],
    'Agatha Moss',
  ],
  [
    [
      'What is the email address for complaints?',
      'Where do I mail a complaint?',
      'To which address do I send complaints?',
      'Email for complaints?',
      'I have a complaint, which email do I use?',
      'Give me the complaints email.',
    ],
    'sorry@kestrelmoss.example',
  ],
  [
    [
      'Which password opens the guest wifi?',
      'What is the guest wifi password?',
      'Tell me the guest wifi password.',
      'Guest wifi password?',
      'How do I get on the guest wifi?',
      'I need the guest wifi password.',
    ],
    'acorn soup',
  ],
  [
    [
      'How do students get a discount?',
      'What is the student discount code?',
      'Tell me the student discount code.',
      'Student discount code?',
      'I am a student, which discount code do I use?',
      'Which code gives students a discount?',
    ],
    'OWLET',
  ],
  [
    [
      'Which animal is the mascot?',
      'What is your mascot?',
      'Who is the mascot of the company?',
      'Tell me the mascot.',
      'What animal is the company mascot?',
      'Name the mascot.',
    ],
    'a sleepy badger',
  ],
  [
    [
      'How large is the gift voucher?',
      'What is the gift voucher worth?',
      'Tell me the value of the gift voucher.',
      'Value of the gift voucher?',
      'How much money is on a gift voucher?',
      'How much is a gift voucher?',
    ],
    '35 euros',
  ],
  [
    [
      'Where is the lost property office?',
      'Where do I find lost property?',
      'I lost something, where is lost property?',
      'Lost property office?',
      'Tell me where lost property is.',
      'In which place is the lost property office?',
    ],
    'cellar door 3',
  ],
];

const pair = (entities: readonly string[], answers: readonly string[]) =>
  Object.fromEntries(entities.map((entity, i) => [entity, answers[i]!]));

export const topics: readonly Topic[] = [
  {
    answers: pair(machines, prices),
    wordings: [
      'How much is the {e}?',
      'What does the {e} cost?',
      'What is the price of the {e}?',
      'How much does the {e} cost?',
      'Tell me the price of the {e}.',
      'Price of the {e}?',
      'I want to buy the {e}, how much is it?',
      'Can you tell me the price of the {e}?',
      'What do I pay for the {e}?',
    ],
  },
  {
    answers: pair(machines, warranties),
    wordings: [
      'How long is the warranty on the {e}?',
      'What is the warranty of the {e}?',
      'How long is the {e} under warranty?',
      'Tell me the warranty of the {e}.',
      'Warranty of the {e}?',
      'Can you tell me the warranty period of the {e}?',
      'What warranty comes with the {e}?',
      'My {e} broke, how long is the warranty?',
      'Which warranty does the {e} have?',
    ],
  },
  {
    answers: pair(machines, parts),
    wordings: [
      'Which spare part does the {e} need?',
      'What spare part fits the {e}?',
      'What is the spare part for the {e}?',
      'Tell me the spare part for the {e}.',
      'Spare part for the {e}?',
      'I need a spare part for the {e}, which one?',
      'Which spare part goes into the {e}?',
      'Can you name the spare part of the {e}?',
      'What spare part do I order for the {e}?',
    ],
  },
  {
    answers: pair(machines, resets),
    wordings: [
      'How do I reset the {e}?',
      'How can I reset the {e}?',
      'What resets the {e}?',
      'Tell me how to reset the {e}.',
      'How to reset the {e}?',
      'My {e} hangs, how do I reset it?',
      'What do I do to reset the {e}?',
      'Can you tell me how to reset the {e}?',
      'I want to reset the {e}, how?',
    ],
  },
  {
    answers: pair(machines, makers),
    wordings: [
      'Where is the {e} made?',
      'In which factory is the {e} made?',
      'Where do you make the {e}?',
      'Tell me where the {e} is made.',
      'Which factory makes the {e}?',
      'What factory does the {e} come from?',
      'Can you say where the {e} is made?',
      'Factory of the {e}?',
      'In what factory do you build the {e}?',
    ],
  },
  {
    answers: pair(departments, heads),
    wordings: [
      'Who runs the {e} department?',
      'Who is the head of {e}?',
      'Who leads {e}?',
      'Name the head of {e}.',
      'Tell me who leads the {e} department.',
      'Who is in charge of {e}?',
      'Head of {e}?',
      'Who heads the {e} team?',
    ],
  },
  {
    answers: pair(departments, extensions),
    wordings: [
      'What is the extension of {e}?',
      'Which number do I dial for {e}?',
      'Tell me the phone extension of {e}.',
      'How do I call {e}?',
      'Phone extension of {e}?',
      'What is the phone number of the {e} department?',
      'Which extension reaches {e}?',
      'I need to phone {e}, what is the number?',
    ],
  },
  {
    answers: pair(shops, closing),
    wordings: [
      'When does the {e} shop close?',
      'At what time does the shop on {e} close?',
      'How late is the {e} shop open?',
      'Closing time of the {e} shop?',
      'Until when is the shop on {e} open?',
      'Tell me the closing time of the {e} shop.',
      'What is the closing time on {e}?',
    ],
  },
  {
    answers: pair(shops, managers),
    wordings: [
      'Who manages the {e} shop?',
      'Who is the manager of the shop on {e}?',
      'Name the manager on {e}.',
      'Who is the boss of the {e} shop?',
      'Tell me who manages the {e} shop.',
      'Manager of the {e} shop?',
      'Which manager works on {e}?',
    ],
  },
  {
    answers: pair(shops, freeDays),
    wordings: [
      'When is the free repair day on {e}?',
      'When does the {e} shop repair for free?',
      'Free repair day at the {e} shop?',
      'Tell me the free repair day on {e}.',
      'On which day are repairs free at the {e} shop?',
      'When can I get a free repair on {e}?',
      'What is the free repair day of the {e} shop?',
    ],
  },
  ...policies.map(([wordings, answer]): Topic => ({ wordings, answers: { 'Kestrel & Moss': answer } })),
];
