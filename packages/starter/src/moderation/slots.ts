import type { Random } from '../corpus/random.ts';

const listOf = (words: string): string[] => words.split(',');

const lists = {
  name: 'Anna Tom Maria Peter Lena John Sarah Ahmed Julia Mark Emma David Laura Paul Nina Omar Clara Hugo Mia Jonas Alice Robert'.split(
    ' ',
  ),
  surname:
    'Miller Brown Smith Weber Martin Lopez Novak Rossi Jensen Keller Walker Green Dubois Fischer Young Carter'.split(
      ' ',
    ),
  place: 'Berlin,London,Paris,the city,Rome,our town,Oslo,the village,Madrid,Boston,Vienna,Lyon,the north,Prague'.split(
    ',',
  ),
  day: 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' '),
  group: listOf(
    'immigrants,foreigners,women,old people,gay people,people from the south,people with dark skin,refugees,disabled people,the poor,believers,people of that religion,men,migrants,people from abroad,newcomers,black people,white people,Jews,Muslims,Christians,the deaf,young people,fat people,trans people,Asians,villagers,people of colour',
  ),
  bad: listOf(
    'stupid,lazy,worthless,inferior,dirty,greedy,dishonest,criminal,weak,ugly,useless,primitive,disgusting,bad people,liars,thieves,no good,not human',
  ),
  good: listOf('kind,friendly,helpful,clever,honest,polite,hard working,funny,brave'),
  kill: listOf(
    'kill,hurt,beat,attack,stab,shoot,strangle,murder,punch,torture,poison,beat up,drown,smash,slap,injure,choke',
  ),
  killed: listOf(
    'killed,hurt,beat,attacked,stabbed,shot,strangled,murdered,punched,tortured,kicked,slaughtered,drowned,injured,choked',
  ),
  weapon: listOf('gun,knife,hammer,rope,stick,bottle,bat,axe,rifle,stone,belt,sword'),
  victim: listOf(
    'my boss,my neighbour,my brother,my teacher,the judge,that man,the mayor,the president,my wife,my husband,the driver,my ex,the police officer,that woman,the referee,my colleague',
  ),
  building: listOf('school,office,church,market,station,library,town hall,shop,theatre,hotel,factory,mosque'),
  limb: listOf('face,head,legs,arm,knees,teeth,neck,nose,back'),
  drug: listOf('drugs,cocaine,heroin,meth,crack,ecstasy,weed,illegal pills'),
  bomb: listOf('a bomb,an explosive,poison gas,a gun,a weapon,a pipe bomb,a deadly poison,a silencer'),
  contraband: listOf(
    'drugs,stolen cards,illegal weapons,fake passports,cocaine,heroin,stolen goods,fake money,a false id,guns,stolen passwords,explosives',
  ),
  malware: listOf('a virus,malware,ransomware,a phishing mail,a trojan,spyware,a keylogger,a worm'),
  commit: listOf(
    'launder money,cheat the tax office,hide stolen money,smuggle goods,shoplift,steal from a shop,cheat old people out of money,rob a bank,forge money,steal a car,hack an account,bribe an official,blackmail someone,break into houses,sell drugs,burn down a house,commit fraud,steal credit cards',
  ),
  erotic: listOf('a dirty,a sexy,a steamy,an erotic,a naughty,an explicit,a hot,a lewd'),
  nude: listOf('nude,naked,undressed,topless,without clothes'),
  aroused: listOf('horny,turned on,aroused,full of lust'),
  porn: listOf('porn,adult films,sex videos,erotic pictures,nude photos,explicit videos,adult videos'),
  makeLove: listOf('have sex,make love,sleep together,get naked together'),
  madeLove: listOf('had sex,made love,slept together,enjoyed each other naked'),
  die: listOf('die,end my life,kill myself,be dead,commit suicide,end it all,take my own life,leave this world'),
  harming: ['hurting', 'cutting', 'harming', 'burning', 'punishing'],
  cut: ['cut', 'hurt', 'burn', 'harm', 'hit'],
  sad: listOf('sad,alone,angry,empty,desperate,lonely,hopeless,tired'),
  himself: ['himself', 'herself'],
  symptom: listOf(
    'a headache,a fever,chest pain,a cough,a rash,back pain,a sore throat,stomach pain,high blood pressure,a swollen knee,an infection,dizziness,a cold,a migraine,diarrhoea,itching,a toothache,swollen feet,nausea,cramps,insomnia,a burn,a bleeding nose,heartburn,short breath,numb fingers',
  ),
  illness: listOf(
    'cancer,diabetes,a heart attack,an infection,asthma,depression,the flu,an allergy,a stroke,arthritis,pneumonia,epilepsy,measles,anaemia,bronchitis,high cholesterol',
  ),
  medicine: listOf(
    'ibuprofen,paracetamol,aspirin,antibiotics,insulin,this medicine,sleeping pills,vitamin D,cough syrup,the tablets,painkillers,blood thinners,antidepressants,eye drops,an inhaler,steroids,iron pills,the vaccine',
  ),
  organ: listOf('knee,back,heart,stomach,head,ear,liver,lung,hip,shoulder,foot,eye,tooth,skin,kidney,ankle'),
  asset: listOf(
    'shares,stocks,bonds,bitcoin,gold,funds,index funds,crypto coins,government bonds,real estate,silver,options,oil shares,tech stocks',
  ),
  loan: listOf('a loan,a mortgage,a credit,a second mortgage,a student loan,a car loan'),
  company: listOf(
    'Apple,Tesla,the bank,my employer,the airline,Siemens,this company,the insurance,Google,Nestle,the start-up,Amazon,the factory,Toyota',
  ),
  opponent: listOf(
    'my landlord,my employer,my neighbour,the airline,my boss,the insurance,my ex-husband,the shop,the builder,my bank,the city,my tenant,the hospital,my school',
  ),
  dispute: listOf(
    'damages,breach of contract,the accident,unpaid wages,the noise,inheritance,my rent,a patent,custody,the deposit,unfair dismissal,a late delivery,libel,a broken window,the divorce,alimony',
  ),
  how: listOf(
    'How do I,How can I,How can one,Help me to,Teach me to,I want to,I would like to,Show me how to,Explain how to,Tell me how to,What is the best way to,Give me steps to,Is there a way to,We plan to,My friend wants to,What do I need to,Can you help me to,Where can I learn to,Give me tips to,Let us,Should I,Is it hard to',
  ),
  about: [
    'Tell me about',
    'What do you know about',
    'I need advice about',
    'I have a question about',
    'Write a text about',
    'Let us talk about',
    'Give me facts about',
    'I read an article about',
    'What do you think about',
    'My friend asks about',
    'Explain to me, in short,',
    'I worry about',
  ],
  thing: listOf(
    'table,lamp,bicycle,car,phone,computer,cup,pan,coat,umbrella,piano,camera,clock,ladder,tent,bag,chair,mirror,radio,printer,boat,shelf,candle,map',
  ),
  animal: listOf('cat,dog,horse,bird,cow,fox,bear,rabbit,goat,duck,mouse,owl'),
  food: listOf('rice,bread,soup,cheese,apples,fish,noodles,potatoes,eggs,salad,chocolate,beans,pancakes,carrots'),
  do: listOf(
    'swim,dance,cook,play chess,paint,ride a bicycle,sing,bake a cake,fish,climb,plant trees,play the piano,ski,read',
  ),
  street: ['Street', 'Road', 'Lane', 'Avenue'],
  word: 'sun cat moon tree blue river'.split(' '),
};

const digit = (random: Random): number => random.integer(0, 9);
const digits = (random: Random, count: number): string => Array.from({ length: count }, () => digit(random)).join('');

/** What stands for `{slot}` in a template. Numbers of people are random digits, mail addresses are of example domains. */
function value(slot: string, random: Random): string {
  switch (slot) {
    case 'name2':
      return random.pick(lists.name);
    case 'street':
      return `${random.integer(1, 199)} ${random.pick(['Oak', 'Mill', 'Park', 'Church', 'Lake', 'Station'])} ${random.pick(lists.street)}`;
    case 'phone':
      return random.pick([
        `${digits(random, 3)}-${digits(random, 3)}-${digits(random, 4)}`,
        `+${random.integer(1, 99)} ${digits(random, 3)} ${digits(random, 7)}`,
        `0${digits(random, 3)} ${digits(random, 6)}`,
      ]);
    case 'email':
      return `${random.pick(lists.name).toLowerCase()}.${random.pick(lists.surname).toLowerCase()}@example.${random.pick(['com', 'org', 'net'])}`;
    case 'number':
      return random.pick([
        `${digits(random, 4)} ${digits(random, 4)} ${digits(random, 4)} ${digits(random, 4)}`,
        `${digits(random, 3)}-${digits(random, 2)}-${digits(random, 4)}`,
        digits(random, 9),
      ]);
    case 'date':
      return `${random.integer(1, 28)}.${random.integer(1, 12)}.${random.integer(1940, 2010)}`;
    case 'year':
      return String(random.integer(1900, 2030));
    case 'amount':
      return `${random.integer(1, 90)}${random.pick(['', '0', '00', '000'])} ${random.pick(['dollars', 'euros', 'pounds'])}`;
    case 'digits':
      return digits(random, random.integer(2, 4));
    case 'small':
    case 'small2':
      return String(random.integer(1, 20));
    default: {
      const list = lists[slot as keyof typeof lists] as string[] | undefined;
      if (!list) throw new Error(`no slot ${slot}`);
      return random.pick(list);
    }
  }
}

/** A text of a template: choices made, slots filled, first letter in upper case. */
export function expand(template: string, random: Random): string {
  const chosen = template.replace(/\[([^\]]*)\]/g, (_, choices: string) => random.pick(choices.split('|')));
  const filled = chosen.replace(/\{(\w+)\}/g, (_, slot: string) => value(slot, random));
  const text = filled
    .replace(/ +/g, ' ')
    .replace(/ ([.?!,])/g, '$1')
    .trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
